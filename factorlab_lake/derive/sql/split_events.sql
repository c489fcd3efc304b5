-- told_splits: choose among the splits that sources told
-- Grain: one row per row of splits that a provider or a file told.
-- Columns:
-- - precedence: of a file of splits the highest, then of a provider's list, then of the split column of a price file.
-- - listed_at: the newest list of the source with the split.
-- - status: retracted, duplicate, overruled, or NULL for a split that applies so far.
-- Rules:
-- - One ratio on days within {{SAME_SPLIT_DAYS}} days is one split: that of higher precedence, else of the newer list, else of the later day.
-- - Of several ratios on one day, that of higher precedence applies, else of the newer list, else the first.
CREATE OR REPLACE TEMP TABLE told_splits AS
WITH lists AS (
    SELECT symbol, provider, max(fetch_date) AS listed_at FROM data_fetch_log
    WHERE data_type = 'splits' AND success AND symbol IN (SELECT symbol FROM derived_symbols)
    GROUP BY symbol, provider
),
told AS (
    SELECT s.symbol, s.date, s.event, s.numerator, s.denominator, s.numerator / s.denominator AS ratio, s.kind, s.source,
           s.source_provider, s.fetched_at, s.retracted_at, CASE s.source WHEN 'file' THEN 2 WHEN 'prices' THEN 0 ELSE 1 END AS precedence,
           CASE WHEN s.source IN ('file', 'prices') THEN s.fetched_at ELSE greatest(s.fetched_at, l.listed_at) END AS listed_at
    FROM splits s LEFT JOIN lists l ON l.symbol = s.symbol AND l.provider = s.source_provider
    WHERE s.source <> 'inferred' AND s.symbol IN (SELECT symbol FROM derived_symbols)
),
better AS (
    SELECT a.symbol, a.date, a.event,
           bool_or(abs(b.ratio / a.ratio - 1) < {{SPLIT_RATIO_TOLERANCE}}) AS is_repeated,
           bool_or(abs(b.ratio / a.ratio - 1) >= {{SPLIT_RATIO_TOLERANCE}} AND b.date = a.date) AS is_overruled
    FROM told a JOIN told b
      ON b.symbol = a.symbol AND b.date BETWEEN a.date - {{SAME_SPLIT_DAYS}} AND a.date + {{SAME_SPLIT_DAYS}}
     AND (b.precedence, b.listed_at, b.date, -b.event) > (a.precedence, a.listed_at, a.date, -a.event)
    WHERE a.retracted_at IS NULL AND b.retracted_at IS NULL
    GROUP BY a.symbol, a.date, a.event
)
SELECT t.*, CASE WHEN t.retracted_at IS NOT NULL THEN 'retracted'
                 WHEN b.is_repeated THEN 'duplicate'
                 WHEN b.is_overruled THEN 'overruled' END AS status
FROM told t LEFT JOIN better b ON b.symbol = t.symbol AND b.date = t.date AND b.event = t.event;

-- step_days: find the day on which prices as traded step by the ratio of a split that was told for another day
-- Grain: one row per told split with such a day.
-- Point in time: a step before the told day counts from its own bar on. One after the told day corrects the days between, for which the
-- list was wrong; it gives them the caps of the right list.
-- Rules:
-- - Of the days within {{SAME_SPLIT_DAYS}} days of the told one, one alone has a step of the size of the ratio. Smaller ratios than
--   {{MIN_STEP_RATIO}}:1 are left, because real moves reach them.
-- - The price does not step on the told day: it is nearer to none than to the ratio by a factor of {{SPLIT_EVIDENCE_FACTOR}}. Before
--   the bar of that day is known, the step is enough. The bars of both days, and those before them, are on the basis of their own day.
-- - No other told split is within {{SAME_SPLIT_DAYS}} days of the step.
CREATE OR REPLACE TEMP TABLE step_days AS
WITH large AS (
    SELECT symbol, date, event, ln(ratio) AS step FROM told_splits
    WHERE status IS NULL AND abs(ln(ratio)) >= ln({{MIN_STEP_RATIO}}) - {{SAME_VALUE_TOLERANCE}}
),
pairs AS (  -- each bar near a told day, and the one before it
    SELECT l.symbol, l.date, l.event, l.step, p.date AS first_day, lag(p.date) OVER days AS last_day,
           ln(lag(p.close_price) OVER days / p.close_price) AS moved,
           coalesce(p.stated_basis_date, p.split_basis_date) = p.date AS is_traded,
           lag(coalesce(p.stated_basis_date, p.split_basis_date) = p.date) OVER days AS was_traded
    FROM large l JOIN price_data p ON p.symbol = l.symbol AND p.close_price > 0
     AND p.date BETWEEN l.date - {{SAME_SPLIT_DAYS}} - {{MAX_SPLIT_GAP_DAYS}} AND l.date + {{SAME_SPLIT_DAYS}}
    WINDOW days AS (PARTITION BY l.symbol, l.date, l.event ORDER BY p.date)
),
around AS (
    SELECT symbol, date, event, first_day, last_day < date AND first_day >= date AS is_told_day,
           abs(abs(moved) - abs(step)) <= ln(1 + {{MAX_DAILY_MOVE}}) AS is_step, sign(moved) = sign(step) AS is_same_way,
           is_traded AND was_traded AND first_day - last_day <= {{MAX_SPLIT_GAP_DAYS}} AS is_comparable,
           {{SPLIT_EVIDENCE_FACTOR}} * abs(moved) <= abs(moved - step) AS is_quiet
    FROM pairs WHERE first_day >= date - {{SAME_SPLIT_DAYS}} AND last_day IS NOT NULL
),
found AS (
    SELECT symbol, date, event, max(first_day) FILTER (WHERE is_step) AS stepped_on
    FROM around GROUP BY symbol, date, event
    HAVING bool_and(is_comparable) FILTER (WHERE is_step OR is_told_day) AND count(*) FILTER (WHERE is_step) = 1 AND bool_and(is_same_way) FILTER (WHERE is_step)
       AND coalesce(bool_and(is_quiet) FILTER (WHERE is_told_day), max(first_day) < date)
)
SELECT f.* FROM found f
WHERE NOT EXISTS (SELECT 1 FROM told_splits o
                  WHERE o.symbol = f.symbol AND o.status IS NULL AND o.event || o.date::VARCHAR <> f.event || f.date::VARCHAR
                    AND o.date BETWEEN f.stepped_on - {{SAME_SPLIT_DAYS}} AND f.stepped_on + {{SAME_SPLIT_DAYS}});

-- counted_twice: find counts of one day or period that are known on two split bases
-- Grain: one row per count and pair of bases that follow each other. A split between them moves the count by its ratio.
-- Columns:
-- - rounding: how far the ratio of the counts can differ from that of a split, relative, because counts are rounded.
-- - is_cover: the count is that of a cover page, which a company need not restate.
-- - is_refuted: earnings per share did not move by the ratio.
CREATE OR REPLACE TEMP TABLE counted_twice AS
WITH counts AS (
    SELECT symbol, source_provider, source AS series, as_of_date AS day, shares, NULL::DOUBLE AS eps, split_basis_date AS basis, version
    FROM shares_outstanding WHERE symbol IN (SELECT symbol FROM derived_symbols)
    UNION ALL
    SELECT symbol, source_provider, fiscal_period, fiscal_date, weighted_average_shares_outstanding, eps, split_basis_date, version
    FROM income_statements WHERE symbol IN (SELECT symbol FROM derived_symbols)
),
pairs AS (
    SELECT symbol, series, day, basis, shares, eps, lag(basis) OVER versions AS basis_before, lag(shares) OVER versions AS shares_before,
           lag(eps) OVER versions AS eps_before
    FROM counts WHERE shares > 0
    WINDOW versions AS (PARTITION BY symbol, source_provider, series, day ORDER BY basis, version)
)
SELECT symbol, day, basis_before, basis, series = 'cover_page' AS is_cover, shares / shares_before AS ratio,
       (CASE WHEN shares % {{LARGEST_UNIT}} = 0 THEN {{LARGEST_UNIT}} WHEN shares % {{MIDDLE_UNIT}} = 0 THEN {{MIDDLE_UNIT}} ELSE 1 END / shares
        + CASE WHEN shares_before % {{LARGEST_UNIT}} = 0 THEN {{LARGEST_UNIT}} WHEN shares_before % {{MIDDLE_UNIT}} = 0 THEN {{MIDDLE_UNIT}} ELSE 1 END
          / shares_before) / 2 + {{SAME_VALUE_TOLERANCE}} AS rounding,
       abs(eps_before) >= {{MIN_COMPARED_EPS}} AND abs(eps) >= {{MIN_COMPARED_EPS}}
       AND abs(eps_before - eps * shares / shares_before) > {{EPS_ROUNDING}} * (1 + shares / shares_before) AS is_refuted
FROM pairs WHERE basis > basis_before;

-- observed_splits: collect what bars and counts prove: the ratio between two split bases
-- Grain: one row per pair of bases and ratio; the split lies in [earliest, latest].
-- Rules:
-- - The same count moved by a ratio of whole numbers n:m, within its rounding. The coarser the rounding and the larger the
--   ratio, the smaller m is: with larger ones any ratio would be near some n:m, as 83.0454 is near 1827:22.
-- - A ratio of a thousand or a million is an error of the unit.
-- - Bars are compared at ingest (rows of splits with the source inferred). A ratio of 1 says that they did not move (unmoved).
CREATE OR REPLACE TEMP TABLE observed_splits AS
WITH sides AS (
    SELECT *, greatest(ratio, 1 / ratio) AS larger FROM counted_twice
    WHERE NOT coalesce(is_refuted, false) AND greatest(ratio, 1 / ratio) BETWEEN {{MIN_COUNTED_RATIO}} AND {{MAX_COUNTED_RATIO}}
),
fractions AS (
    SELECT s.*, m AS smaller_side, round(larger * m) AS larger_side
    FROM sides s JOIN (SELECT unnest(range(1, {{MAX_SPLIT_SIDE}} + 1)) AS m) ON m * m * s.larger * s.rounding <= {{MAX_FRACTION_CHANCE}}
    WHERE abs(larger * m - round(larger * m)) <= larger * m * s.rounding AND round(larger * m) > m
    QUALIFY row_number() OVER (PARTITION BY symbol, day, basis_before, basis, ratio ORDER BY m) = 1
)
SELECT DISTINCT symbol, basis_before + 1 AS earliest, basis AS latest,
       CASE WHEN ratio > 1 THEN larger_side ELSE smaller_side END::DOUBLE AS numerator,
       CASE WHEN ratio > 1 THEN smaller_side ELSE larger_side END::DOUBLE AS denominator,
       NULL::DATE AS traded_from, false AS in_hundredths
FROM fractions WHERE NOT (smaller_side = 1 AND larger_side IN ({{MIDDLE_UNIT}}, {{LARGEST_UNIT}}))
UNION ALL
SELECT symbol, earliest_date, latest_date, numerator, denominator, date, coalesce(kind = 'quote_unit', false) FROM splits
WHERE source = 'inferred' AND numerator <> denominator AND symbol IN (SELECT symbol FROM derived_symbols);

-- counts_by_basis: the newest count of each series of filings on each split basis, to compare neighbours
-- Grain: one row per symbol, series and split basis.
-- Columns:
-- - unmoved_from: the day from which the count would have moved by a split. A cover page may still state the count of its day
--   after a split; other counts are restated.
CREATE OR REPLACE TEMP TABLE counts_by_basis AS
SELECT symbol, concat_ws(' ', source_provider, source) AS series, split_basis_date AS basis, max_by(shares, (as_of_date, available_date, version)) AS shares,
       max(as_of_date) AS day, CASE WHEN any_value(source) = 'cover_page' THEN least(max(as_of_date), any_value(split_basis_date)) ELSE any_value(split_basis_date) END AS unmoved_from
FROM shares_outstanding WHERE shares > 0 AND symbol IN (SELECT symbol FROM derived_symbols) GROUP BY ALL
UNION ALL
SELECT symbol, concat_ws(' ', source_provider, fiscal_period), split_basis_date, max_by(weighted_average_shares_outstanding, (fiscal_date, version)),
       max(fiscal_date), any_value(split_basis_date)
FROM income_statements
WHERE weighted_average_shares_outstanding > 0 AND symbol IN (SELECT symbol FROM derived_symbols) GROUP BY ALL;

-- placed_splits: narrow the window of each observed split by the counts of the filings within it
-- Grain: one row per row of observed_splits. [earliest, latest] is the narrowed window.
-- Rules:
-- - A count within the window is compared with the last one before and the first one after it. It is on the side that it is nearer
--   to, by a factor of two.
CREATE OR REPLACE TEMP TABLE placed_splits AS
WITH observed AS (SELECT row_number() OVER () AS observation, *, ln(numerator / denominator) AS step FROM observed_splits),
outside AS (
    SELECT o.observation, c.series, max_by(c.shares, c.basis) FILTER (WHERE c.basis < o.earliest) AS before,
           min_by(c.shares, c.basis) FILTER (WHERE c.basis >= o.latest) AS after
    FROM observed o JOIN counts_by_basis c ON c.symbol = o.symbol WHERE abs(o.step) >= ln({{MIN_NEIGHBOUR_RATIO}})
    GROUP BY o.observation, c.series
),
inside AS (
    SELECT o.observation, c.basis, c.unmoved_from,
           coalesce(2 * abs(ln(c.shares / x.before)) < abs(ln(c.shares / x.before) - o.step), false)
           OR coalesce(2 * abs(ln(x.after / c.shares) - o.step) < abs(ln(x.after / c.shares)), false) AS is_before,
           coalesce(2 * abs(ln(c.shares / x.before) - o.step) < abs(ln(c.shares / x.before)), false)
           OR coalesce(2 * abs(ln(x.after / c.shares)) < abs(ln(x.after / c.shares) - o.step), false) AS is_after
    FROM observed o JOIN outside x ON x.observation = o.observation
    JOIN counts_by_basis c ON c.symbol = o.symbol AND c.series = x.series AND c.basis >= o.earliest AND c.basis < o.latest
),
sides AS (
    SELECT observation, max(unmoved_from) FILTER (WHERE is_before AND NOT is_after) + 1 AS earliest,
           min(basis) FILTER (WHERE is_after AND NOT is_before) AS latest
    FROM inside GROUP BY observation
)
SELECT o.* EXCLUDE (earliest, latest),
       CASE WHEN coalesce(s.earliest <= s.latest, true) THEN greatest(s.earliest, o.earliest) ELSE o.earliest END AS earliest,
       CASE WHEN coalesce(s.earliest <= s.latest, true) THEN coalesce(s.latest, o.latest) ELSE o.latest END AS latest
FROM observed o LEFT JOIN sides s ON s.observation = o.observation;

-- told_in_windows: compare each observed split with the told ones in its window
-- Grain: one row per observation.
-- Columns:
-- - told_step, large_step: the logarithm of the product of the told ratios, of all and of those that bars always show.
-- - matching: how many of them have the ratio.
-- Rules:
-- - A told split of the same ratio within {{SAME_SPLIT_DAYS}} days of the window is the observed one.
CREATE OR REPLACE TEMP TABLE told_in_windows AS
SELECT o.observation, coalesce(sum(ln(t.ratio)) FILTER (WHERE is_inside), 0) AS told_step,
       coalesce(sum(ln(t.ratio)) FILTER (WHERE is_inside AND abs(ln(t.ratio)) >= ln({{MIN_NEIGHBOUR_RATIO}})), 0) AS large_step,
       count(*) FILTER (WHERE abs(ln(t.ratio) - o.step) < {{SPLIT_RATIO_SPREAD}}) AS matching
FROM placed_splits o
LEFT JOIN (SELECT *, true AS listed FROM told_splits WHERE status IS NULL) t
  ON t.symbol = o.symbol AND t.date BETWEEN o.earliest - {{SAME_SPLIT_DAYS}} AND o.latest + {{SAME_SPLIT_DAYS}}
CROSS JOIN LATERAL (SELECT coalesce(t.date BETWEEN o.earliest AND o.latest, false) AS is_inside)
GROUP BY o.observation;

-- inferred_splits: the observed splits that no source told
-- Grain: one row per split. The window is that of all observations of one ratio whose windows share a day.
-- Columns:
-- - is_still: bars alone moved. The counts around the window tell: nearer to 1 than to the ratio by a factor of {{SPLIT_EVIDENCE_FACTOR}}, so it is a
--   distribution. is_unit: bars moved by {{MINOR_UNITS_PER_MAJOR}}, as from pence to pounds.
-- Rules:
-- - A ratio of {{MINOR_UNITS_PER_MAJOR}} is a change of unit if counts are still, or without counts for a symbol quoted in hundredths.
CREATE OR REPLACE TEMP TABLE inferred_splits AS
WITH unexplained AS (
    SELECT o.* FROM placed_splits o JOIN told_in_windows t ON t.observation = o.observation
    WHERE t.matching = 0 AND abs(t.told_step - o.step) >= {{SPLIT_RATIO_SPREAD}} AND abs(t.large_step - o.step) >= {{SPLIT_RATIO_SPREAD}}
),
leaders AS (
    SELECT a.* FROM unexplained a
    WHERE NOT EXISTS (SELECT 1 FROM unexplained b
                      WHERE b.symbol = a.symbol AND abs(b.step - a.step) < {{SPLIT_RATIO_SPREAD}}
                        AND (b.latest, b.observation) < (a.latest, a.observation) AND b.latest >= a.earliest)
),
windows AS (
    SELECT l.observation, any_value(l.symbol) AS symbol, any_value(l.numerator) AS numerator, any_value(l.denominator) AS denominator,
           any_value(l.step) AS step, max(o.earliest) AS earliest, any_value(l.latest) AS latest, min(o.traded_from) AS traded_from,
           bool_and(o.traded_from IS NOT NULL) AS of_bars, bool_and(o.traded_from IS NOT NULL)
           AND abs(abs(any_value(l.step)) - ln({{MINOR_UNITS_PER_MAJOR}})) < {{SPLIT_RATIO_TOLERANCE}} AS is_hundred,
           bool_or(o.in_hundredths) AS in_hundredths
    FROM leaders l JOIN unexplained o
      ON o.symbol = l.symbol AND abs(o.step - l.step) < {{SPLIT_RATIO_SPREAD}} AND l.latest BETWEEN o.earliest AND o.latest
    GROUP BY l.observation
),
moves AS (
    SELECT w.observation, any_value(w.step) AS step,
           ln(min_by(c.shares, c.basis) FILTER (WHERE c.basis >= w.latest AND c.day >= w.latest)
              / max_by(c.shares, c.basis) FILTER (WHERE c.basis < w.earliest)) AS moved
    FROM windows w JOIN counts_by_basis c ON c.symbol = w.symbol
    WHERE w.of_bars AND abs(w.step) >= ln({{MIN_NEIGHBOUR_RATIO}})
      AND c.basis BETWEEN w.earliest - {{MAX_NEIGHBOUR_DAYS}} AND w.latest + {{MAX_NEIGHBOUR_DAYS}}
    GROUP BY w.observation, c.series
),
counted AS (
    SELECT observation, bool_or({{SPLIT_EVIDENCE_FACTOR}} * abs(moved - step) <= abs(moved)) AS is_split,
           NOT is_split AND bool_or({{SPLIT_EVIDENCE_FACTOR}} * abs(moved) <= abs(moved - step)) AS is_still
    FROM moves WHERE moved IS NOT NULL GROUP BY observation
)
SELECT w.symbol, CASE WHEN w.traded_from BETWEEN w.earliest AND w.latest THEN w.traded_from ELSE w.latest END AS date,
       w.numerator, w.denominator, w.numerator / w.denominator AS ratio, w.earliest, w.latest,
       coalesce(c.is_still, false) AS is_still,
       w.is_hundred AND NOT coalesce(c.is_split, false) AND (coalesce(c.is_still, false) OR w.in_hundredths) AS is_unit
FROM windows w LEFT JOIN counted c ON c.observation = w.observation;

-- share_changes: how the counts around each told split moved
-- Grain: one row per told split that has such counts.
-- Rules:
-- - The same count before and after decides. Else, from a ratio of {{MIN_NEIGHBOUR_RATIO}} on, the counts around do: nearer to the ratio
--   by a factor of {{SPLIT_EVIDENCE_FACTOR}} is a split, nearer to 1 is a distribution.
-- - A cover page that states the old count of a day before the split proves nothing: it need not be restated.
CREATE OR REPLACE TEMP TABLE share_changes AS
WITH same AS (
    SELECT t.symbol, t.date, t.event,
           bool_or(abs(ln(p.ratio) - ln(t.ratio)) < abs(ln(p.ratio))) AS is_split
    FROM told_splits t JOIN counted_twice p ON p.symbol = t.symbol AND p.basis_before < t.date AND p.basis >= t.date
    WHERE t.status IS NULL AND t.ratio <> 1 AND NOT (p.is_cover AND abs(ln(p.ratio)) < abs(ln(p.ratio) - ln(t.ratio)))
      AND NOT EXISTS (SELECT 1 FROM told_splits o WHERE o.symbol = t.symbol AND o.status IS NULL AND o.event || o.date::VARCHAR <> t.event || t.date::VARCHAR
                      AND o.date > p.basis_before AND o.date <= p.basis)
    GROUP BY t.symbol, t.date, t.event
),
around AS (
    SELECT t.symbol, t.date, t.event, any_value(ln(t.ratio)) AS step, c.series,
           max(c.basis) FILTER (WHERE c.basis < t.date) AS basis_before, min(c.basis) FILTER (WHERE c.basis >= t.date) AS basis_after,
           ln(min_by(c.shares, c.basis) FILTER (WHERE c.basis >= t.date AND c.day >= t.date - {{MAX_NEIGHBOUR_DAYS}})
              / max_by(c.shares, c.basis) FILTER (WHERE c.basis < t.date)) AS moved,
           ln(min_by(c.shares, c.basis) FILTER (WHERE c.unmoved_from >= t.date AND c.day >= t.date - {{MAX_NEIGHBOUR_DAYS}})
              / max_by(c.shares, c.basis) FILTER (WHERE c.basis < t.date)) AS moved_at_last
    FROM told_splits t JOIN counts_by_basis c ON c.symbol = t.symbol
    WHERE t.status IS NULL AND abs(ln(t.ratio)) >= ln({{MIN_NEIGHBOUR_RATIO}})
      AND c.basis BETWEEN t.date - {{MAX_NEIGHBOUR_DAYS}} AND t.date + {{MAX_NEIGHBOUR_DAYS}}
    GROUP BY t.symbol, t.date, t.event, c.series
),
neighbours AS (
    SELECT symbol, date, event, bool_or({{SPLIT_EVIDENCE_FACTOR}} * abs(moved - step) <= abs(moved)) AS is_split,
           bool_or(abs(moved_at_last) < abs(moved_at_last - step)) AS is_distribution
    FROM around a
    WHERE moved IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM told_splits o WHERE o.symbol = a.symbol AND o.status IS NULL AND o.event || o.date::VARCHAR <> a.event || a.date::VARCHAR
                      AND o.date > a.basis_before AND o.date <= a.basis_after)
    GROUP BY symbol, date, event
)
SELECT symbol, date, event,
       coalesce(s.is_split, CASE WHEN n.is_split THEN true WHEN n.is_distribution THEN false END) AS is_split
FROM same s FULL JOIN neighbours n USING (symbol, date, event);

-- split_events: decide on every split that was told or observed
-- Grain: one row per symbol, ex-date and event.
-- Columns:
-- - shares_from: the first day on whose split basis the number of shares has changed; NULL if it does not change.
-- - earliest_date, latest_date: the window of a split that no source told.
-- Rules:
-- - A split is rejected where what two fetches show contradicts it: another ratio, or bars that did not move while no count did.
-- - The ex-date of a told split that was observed is moved into the window, and to the day on which the bars step by it.
-- - Without a kind and without counts, a ratio of at least {{PLAIN_SPLIT_RATIO}} changes the number of shares. A smaller one changes the price,
--   and the shares from the next count on (status unproven).
CREATE OR REPLACE TEMP TABLE split_events AS
WITH seen AS (
    SELECT t.symbol, t.date, t.event,
           max(CASE WHEN abs(ln(t.ratio) - o.step) < {{SPLIT_RATIO_SPREAD}} THEN least(greatest(t.date, o.earliest), o.latest) END) AS moved_to,
           max(CASE WHEN abs(ln(t.ratio) - o.step) < {{SPLIT_RATIO_SPREAD}} THEN o.earliest END) AS seen_from,
           min(CASE WHEN abs(ln(t.ratio) - o.step) < {{SPLIT_RATIO_SPREAD}} THEN o.latest END) AS seen_to,
           bool_or(t.date BETWEEN o.earliest AND o.latest AND abs(ln(t.ratio) - o.step) >= {{SPLIT_RATIO_SPREAD}}
                   AND abs(w.told_step - o.step) >= {{SPLIT_RATIO_SPREAD}} AND abs(w.large_step - o.step) >= {{SPLIT_RATIO_SPREAD}}
                   AND abs(ln(t.ratio)) >= ln({{MIN_NEIGHBOUR_RATIO}})) AS is_contradicted
    FROM told_splits t
    JOIN placed_splits o ON o.symbol = t.symbol AND t.date BETWEEN o.earliest - {{SAME_SPLIT_DAYS}} AND o.latest + {{SAME_SPLIT_DAYS}}
    JOIN told_in_windows w ON w.observation = o.observation
    WHERE t.status IS NULL GROUP BY t.symbol, t.date, t.event
),
unmoved AS (  -- a later fetch served the bars before the day unchanged
    SELECT DISTINCT symbol, date FROM splits WHERE source = 'inferred' AND numerator = denominator
),
next_counts AS (
    SELECT t.symbol, t.date, t.event, min(c.basis) AS next_basis
    FROM told_splits t JOIN counts_by_basis c ON c.symbol = t.symbol AND c.basis >= t.date AND c.day >= t.date
    GROUP BY t.symbol, t.date, t.event
),
moved AS (  -- a step outside of what two fetches show moves nothing
    SELECT t.symbol, t.date, t.event, CASE WHEN s.moved_to IS NULL OR d.stepped_on BETWEEN s.seen_from AND s.seen_to THEN coalesce(d.stepped_on, s.moved_to)
                                           ELSE s.moved_to END AS moved_to, coalesce(s.is_contradicted, false) AS is_contradicted
    FROM told_splits t LEFT JOIN seen s ON s.symbol = t.symbol AND s.date = t.date AND s.event = t.event
    LEFT JOIN step_days d ON d.symbol = t.symbol AND d.date = t.date AND d.event = t.event
),
told AS (
    SELECT t.*, coalesce(s.moved_to, t.date) AS ex_date,
           s.is_contradicted
           OR (u.symbol IS NOT NULL AND t.ratio <> 1 AND s.moved_to IS NULL AND NOT coalesce(c.is_split, false)) AS is_contradicted,
           CASE WHEN t.kind = 'spin_off' THEN false WHEN t.kind IS NOT NULL THEN true
                WHEN s.moved_to IS NOT NULL AND c.is_split IS NULL AND abs(ln(t.ratio)) >= ln({{PLAIN_SPLIT_RATIO}}) - {{SAME_VALUE_TOLERANCE}} THEN true
                WHEN c.is_split IS NOT NULL THEN c.is_split
                WHEN abs(ln(t.ratio)) >= ln({{PLAIN_SPLIT_RATIO}}) - {{SAME_VALUE_TOLERANCE}} THEN true END AS is_split,
           n.next_basis
    FROM told_splits t
    JOIN moved s ON s.symbol = t.symbol AND s.date = t.date AND s.event = t.event
    LEFT JOIN share_changes c ON c.symbol = t.symbol AND c.date = t.date AND c.event = t.event
    LEFT JOIN unmoved u ON u.symbol = t.symbol AND u.date = t.date
    LEFT JOIN next_counts n ON n.symbol = t.symbol AND n.date = t.date AND n.event = t.event
),
decided AS (
    SELECT symbol, date, event, numerator, denominator, ratio, source, source_provider, fetched_at, ex_date,
           CASE WHEN status IS NOT NULL THEN status WHEN is_contradicted THEN 'rejected' WHEN is_split IS NULL THEN 'unproven'
                ELSE 'applied' END AS status,
           CASE WHEN is_split THEN ex_date WHEN is_split IS NULL THEN next_basis END AS shares_from,
           NULL::DATE AS earliest_date, NULL::DATE AS latest_date
    FROM told
    UNION ALL
    SELECT symbol, date, {{FIRST_INFERRED_EVENT}} + row_number() OVER (PARTITION BY symbol, date ORDER BY ratio), numerator, denominator,
           ratio, 'inferred', NULL, NULL, date, CASE WHEN is_unit THEN 'rejected' ELSE 'applied' END, CASE WHEN NOT is_still THEN date END, earliest,
           latest
    FROM inferred_splits
)
SELECT symbol, date, event::INTEGER AS event, numerator, denominator, ratio, source, source_provider, fetched_at, status,
       CASE WHEN status IN ('applied', 'unproven') THEN ex_date END AS prices_from,
       CASE WHEN status IN ('applied', 'unproven') THEN shares_from END AS shares_from, earliest_date, latest_date
FROM decided;
