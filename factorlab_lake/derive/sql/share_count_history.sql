-- counts_before_splits: find counts of cover pages that a later split basis names, but that are still those of the day counted
-- Grain: one row per such count. Its split basis is the day counted.
-- Rules:
-- - A company files the count of a day before a split after it, restated or not. The count is nearer to the last one before, of a
--   cover page or a balance sheet, than to that one times the splits between, by a factor of {{SPLIT_EVIDENCE_FACTOR}}. A split that may lie between counts as one between.
CREATE OR REPLACE TEMP TABLE counts_before_splits AS
WITH bases AS (
    SELECT *, first_value(cumulative_split_factor IGNORE NULLS) OVER (
        PARTITION BY symbol ORDER BY from_date ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS factor_at_last
    FROM split_history
),
covers AS (
    SELECT o.symbol, o.as_of_date, o.version, o.shares, o.available_date, c.to_date AS split_from, c.cumulative_split_factor AS factor,
           ln(c.cumulative_split_factor / f.factor_at_last) AS step
    FROM shares_outstanding o
    JOIN bases c ON c.symbol = o.symbol AND o.as_of_date >= c.from_date AND o.as_of_date < c.to_date
    JOIN bases f ON f.symbol = o.symbol AND o.split_basis_date >= f.from_date AND o.split_basis_date < f.to_date
    WHERE o.source = 'cover_page' AND o.shares > 0 AND o.symbol IN (SELECT symbol FROM derived_symbols)
      AND o.as_of_date < o.split_basis_date AND abs(step) >= ln({{MIN_NEIGHBOUR_RATIO}})
),
compared AS (
    SELECT c.symbol, c.as_of_date, c.version, c.step, ln(c.shares * c.factor / (b.shares * l.cumulative_split_factor)) AS moved
    FROM covers c
    JOIN shares_outstanding b ON b.symbol = c.symbol AND b.shares > 0
                             AND b.as_of_date BETWEEN c.as_of_date - {{MAX_NEIGHBOUR_DAYS}} AND c.as_of_date
                             AND b.split_basis_date < c.split_from AND b.available_date <= c.available_date
    JOIN split_history l ON l.symbol = b.symbol AND b.split_basis_date >= l.from_date AND b.split_basis_date < l.to_date
    QUALIFY row_number() OVER (PARTITION BY c.symbol, c.as_of_date, c.version ORDER BY b.as_of_date DESC, b.available_date DESC, b.version DESC) = 1
)
SELECT symbol, as_of_date, version FROM compared WHERE {{SPLIT_EVIDENCE_FACTOR}} * abs(moved) < abs(moved - step);

-- share_counts: collect every share count in one form for all sources
-- Grain: one row per symbol, day counted, source and version.
-- Columns:
-- - kind: 3 cover page, 2 balance sheet, 1 weighted average; a higher one is preferred.
-- - counted: identifies the day or the period counted, whose versions replace each other. place orders them.
-- - grade: 2 for a count that can be used, 1 for an implausible one, 0 for a missing one (zero means missing).
-- - shares_now: the count on today's split basis, on which counts are compared.
-- Rules:
-- - A negative count is implausible. So is a weighted average from which net income / EPS differs by a factor of
--   {{MAX_AVERAGE_RATIO}} or more, if EPS is at least {{MIN_CHECKED_EPS}}. One that differs by less is checked, and checks others.
-- - A weighted average is a proxy for shares outstanding, and its source says so. Those of all providers count; of two for one
--   period, that of the first in the lake's order.
-- - Another filing's count of a day is a version if it differs by more than {{COUNT_ROUNDING}} of the count before.
CREATE OR REPLACE TEMP TABLE share_counts AS
WITH counts AS (
    SELECT o.symbol, coalesce(a.chain_id, d.chain_id) AS chain_id, o.source, o.source AS period,
           CASE o.source WHEN 'cover_page' THEN 3 ELSE 2 END AS kind, 0 AS months, o.as_of_date AS fiscal_date, o.version,
           o.source || o.as_of_date AS counted, row_number() OVER by_filing AS place, nullif(o.shares, 0) AS shares, o.available_date,
           CASE WHEN s.symbol IS NULL THEN o.split_basis_date ELSE o.as_of_date END AS split_basis_date, NULL::DOUBLE AS ratio, 0 AS provider_place
    FROM shares_outstanding o
    LEFT JOIN counts_before_splits s ON o.source = 'cover_page' AND s.symbol = o.symbol AND s.as_of_date = o.as_of_date AND s.version = o.version
    LEFT JOIN companies a ON a.symbol = o.symbol AND o.available_date >= a.valid_from AND o.available_date < a.valid_to
    LEFT JOIN companies d ON d.symbol = o.symbol AND o.as_of_date >= d.valid_from AND o.as_of_date < d.valid_to
    WHERE o.symbol IN (SELECT symbol FROM derived_symbols)
    WINDOW by_filing AS (PARTITION BY o.symbol, o.source, o.as_of_date ORDER BY o.available_date, o.version)
    QUALIFY o.available_date = lag(o.available_date) OVER by_filing
         OR NOT coalesce(abs(o.shares / nullif(lag(o.shares) OVER by_filing, 0) - 1) <= {{COUNT_ROUNDING}}, false)
    UNION ALL
    SELECT r.symbol, coalesce(k.company_chain, v.chain_id), CASE v.months WHEN 12 THEN 'weighted_average_year_proxy' ELSE 'weighted_average_proxy' END,
           r.fiscal_period, 1, coalesce(v.months, 12), r.fiscal_date, r.version,
           concat(coalesce(v.months, 12), ' months to ', v.period_end, ' ' || k.source_provider), v.version_place, nullif(r.weighted_average_shares_outstanding, 0),
           v.known_from, r.split_basis_date,
           -- Preferred dividends can be in either income, so one of the two suffices.
           CASE WHEN abs(r.eps) >= {{MIN_CHECKED_EPS}} THEN least(
               greatest(abs(r.net_income / r.eps) / nullif(r.weighted_average_shares_outstanding, 0),
                        r.weighted_average_shares_outstanding / nullif(abs(r.net_income / r.eps), 0)),
               greatest(abs(r.bottom_line_net_income / r.eps) / nullif(r.weighted_average_shares_outstanding, 0),
                        r.weighted_average_shares_outstanding / nullif(abs(r.bottom_line_net_income / r.eps), 0))) END, coalesce(k.place, 0)
    FROM income_rows r JOIN statement_versions v ON v.statement_id = r.statement_id
    LEFT JOIN provider_chains k ON k.chain_id = v.chain_id
)
SELECT c.*, dense_rank() OVER (ORDER BY c.symbol, c.chain_id, c.counted)::INTEGER AS counted_id, c.shares * coalesce(l.cumulative_split_factor, 1) AS shares_now,
       CASE WHEN c.shares IS NULL THEN 0 WHEN c.shares < 0 OR coalesce(c.ratio >= {{MAX_AVERAGE_RATIO}}, false) THEN 1 ELSE 2 END AS grade,
       coalesce(c.shares > 0 AND c.ratio < {{MAX_AVERAGE_RATIO}}, false) AS is_checked
FROM counts c
LEFT JOIN split_history l ON l.symbol = c.symbol AND c.split_basis_date >= l.from_date AND c.split_basis_date < l.to_date;

-- known_counts: compute the day from which each vintage knows each share count
-- Grain: one row per vintage, symbol and count. A symbol whose vintages agree has only rows of the vintage 'known'.
-- Rules:
-- - 'latest' knows the last usable version: a count of a day from that day on, an average from the day of its first version.
CREATE OR REPLACE TEMP TABLE known_counts AS
WITH restated_symbols AS (SELECT DISTINCT symbol FROM share_counts WHERE place > 1 OR kind > 1),
versions AS (
    SELECT *, row_number() OVER (of_count ORDER BY place) = 1 AS is_first,
           row_number() OVER (of_count ORDER BY grade DESC, place DESC) = 1 AS is_last,
           min(available_date) OVER of_count AS first_available
    FROM share_counts SEMI JOIN restated_symbols USING (symbol)
    WINDOW of_count AS (PARTITION BY symbol, chain_id, counted)
),
of_vintages AS (
    SELECT *, 'known' AS of_vintage, false AS restated, available_date AS known_from
    FROM share_counts ANTI JOIN restated_symbols USING (symbol)
    UNION ALL BY NAME
    SELECT *, 'known' AS of_vintage, true AS restated, available_date AS known_from FROM versions
    UNION ALL BY NAME
    SELECT *, 'first' AS of_vintage, true AS restated, available_date AS known_from FROM versions WHERE is_first
    UNION ALL BY NAME
    SELECT *, 'latest' AS of_vintage, true AS restated,
           CASE WHEN kind > 1 THEN least(fiscal_date, first_available) ELSE first_available END AS known_from
    FROM versions WHERE is_last
)
SELECT row_number() OVER ()::INTEGER AS count_id, * FROM of_vintages;

-- count_events: list the days on which another count may become the best one
-- Grain: one row per vintage, symbol and day on which a count, another rhythm of reports, another company
--   or another provider begins.
-- Columns:
-- - newest: the latest day counted among the usable counts of the day's company; NULL without one.
-- - reach_days: how much older than the newest count a better source may be: one period of the rhythm, and
--   {{COUNT_PREFERENCE_DAYS}} days.
CREATE OR REPLACE TEMP TABLE count_events AS
WITH vintages AS (SELECT of_vintage, symbol, bool_or(restated) AS restated, min(known_from) AS first_day FROM known_counts GROUP BY of_vintage, symbol),
marks AS (
    SELECT of_vintage, symbol, chain_id, known_from AS day, CASE WHEN grade = 2 THEN fiscal_date END AS end_date FROM known_counts
    UNION ALL
    SELECT v.of_vintage, v.symbol, c.chain_id, greatest(c.valid_from, v.first_day), NULL
    FROM vintages v JOIN companies c ON c.symbol = v.symbol AND c.valid_to > v.first_day
    UNION ALL
    SELECT v.of_vintage, v.symbol, c.chain_id, r.valid_from, NULL
    FROM vintages v JOIN reporting_rhythm r ON r.symbol = v.symbol AND r.valid_from > v.first_day
    JOIN companies c ON c.symbol = r.symbol AND r.valid_from >= c.valid_from AND r.valid_from < c.valid_to
    UNION ALL
    SELECT v.of_vintage, v.symbol, c.chain_id, k.valid_from, NULL
    FROM vintages v JOIN speakers k ON k.symbol = v.symbol AND k.valid_from > v.first_day
    JOIN companies c ON c.chain_id = k.company_chain AND k.valid_from >= c.valid_from AND k.valid_from < c.valid_to
),
days AS (
    SELECT DISTINCT of_vintage, symbol, chain_id, day,
           max(end_date) OVER (PARTITION BY of_vintage, symbol, chain_id ORDER BY day) AS newest
    FROM marks
)
SELECT row_number() OVER () AS event_id, d.*, v.restated, coalesce(r.extra_age_days, 0) AS extra_age_days,
       coalesce(r.rhythm_days, {{QUARTER_DAYS}}) + {{COUNT_PREFERENCE_DAYS}} AS reach_days
FROM days d
JOIN vintages v ON v.of_vintage = d.of_vintage AND v.symbol = d.symbol
JOIN companies c ON c.symbol = d.symbol AND d.day >= c.valid_from AND d.day < c.valid_to AND c.chain_id IS NOT DISTINCT FROM d.chain_id
LEFT JOIN reporting_rhythm r ON r.symbol = d.symbol AND d.day >= r.valid_from AND d.day < r.valid_to;

-- recent_counts: list the counts that are compared on each of these days
-- Grain: one row per event and period counted: its newest usable version, of the last two reaches before the newest count.
-- Without a usable count, the newest implausible or missing one.
CREATE OR REPLACE TEMP TABLE recent_counts AS
WITH in_years AS (
    SELECT event_id, of_vintage, symbol, chain_id, day, newest, reach_days,
           unnest(range(year(newest - 2 * reach_days), year(newest) + 1)) AS in_year
    FROM count_events WHERE newest IS NOT NULL
),
compared AS (
    SELECT e.event_id, e.reach_days, c.count_id, c.of_vintage, c.kind, c.fiscal_date, c.months, c.provider_place, c.place, c.grade, c.is_checked,
           c.available_date, c.shares_now
    FROM in_years e JOIN known_counts c
      ON c.of_vintage = e.of_vintage AND c.symbol = e.symbol AND c.chain_id = e.chain_id AND year(c.fiscal_date) = e.in_year
     AND c.known_from <= e.day AND c.fiscal_date > e.newest - 2 * e.reach_days AND c.grade = 2
    QUALIFY row_number() OVER (PARTITION BY e.event_id, c.counted_id ORDER BY c.place DESC) = 1
),
unusable AS (
    SELECT e.event_id, e.reach_days, c.count_id, c.of_vintage, c.kind, c.fiscal_date, c.months, c.provider_place, c.place, c.grade, c.is_checked,
           c.available_date, c.shares_now
    FROM count_events e JOIN known_counts c
      ON c.of_vintage = e.of_vintage AND c.symbol = e.symbol AND c.chain_id = e.chain_id AND c.known_from <= e.day
    WHERE e.newest IS NULL
    QUALIFY row_number() OVER (PARTITION BY e.event_id ORDER BY c.grade DESC, c.fiscal_date DESC, c.kind DESC, c.months, c.provider_place, c.place DESC) = 1
)
FROM compared UNION ALL FROM unusable;

-- judged_counts: decide which of these counts are plausible
-- Grain: as recent_counts.
-- Rules:
-- - A count is implausible if it is off by a factor of {{MAX_COUNT_RATIO}} or more from the checked weighted average of its own filing.
--   Without one the newest checked weighted average decides. The filing is told by its available date.
-- - Without any, the newest counts of the sources are compared. One that is off by that factor from another one, and agrees
--   with no third, is implausible: of two that contradict each other, both. A count of the only source is compared with the
--   one before it.
CREATE OR REPLACE TEMP TABLE judged_counts AS
WITH judges AS (
    SELECT event_id, available_date, shares_now,
           row_number() OVER (PARTITION BY event_id ORDER BY fiscal_date DESC, months, provider_place, place DESC) AS newest_place,
           row_number() OVER (PARTITION BY event_id, available_date ORDER BY fiscal_date DESC, months, provider_place, place DESC) AS filing_place
    FROM recent_counts WHERE is_checked
),
placed AS (
    SELECT c.*, dense_rank() OVER (PARTITION BY c.event_id, c.kind ORDER BY c.fiscal_date DESC) AS day_place,
           row_number() OVER (PARTITION BY c.event_id, c.kind ORDER BY c.fiscal_date DESC, c.months, c.provider_place, c.place DESC) AS kind_place,
           min(c.kind) OVER of_event = max(c.kind) OVER of_event AS is_only_source, coalesce(f.shares_now, n.shares_now) AS judge
    FROM recent_counts c
    LEFT JOIN judges n ON n.event_id = c.event_id AND n.newest_place = 1
    LEFT JOIN judges f ON f.event_id = c.event_id AND f.available_date = c.available_date AND f.filing_place = 1
    WINDOW of_event AS (PARTITION BY c.event_id)
),
-- The weighted averages of one end count once: the shortest period's.
witnesses AS (
    SELECT event_id, kind, day_place, shares_now
    FROM placed WHERE judge IS NULL AND grade = 2 AND (kind_place = 1 OR is_only_source AND day_place = 2)
    QUALIFY row_number() OVER (PARTITION BY event_id, kind, day_place ORDER BY months, provider_place, place DESC) = 1
),
contradicted AS (
    SELECT a.event_id, a.kind
    FROM witnesses a JOIN witnesses b ON b.event_id = a.event_id AND (b.kind, b.day_place) <> (a.kind, a.day_place)
    WHERE a.day_place = 1
    GROUP BY a.event_id, a.kind
    HAVING min(greatest(a.shares_now / b.shares_now, b.shares_now / a.shares_now)) >= {{MAX_COUNT_RATIO}}
)
SELECT p.*, p.grade = 2
            AND NOT coalesce(NOT p.is_checked AND greatest(p.shares_now / p.judge, p.judge / p.shares_now) >= {{MAX_COUNT_RATIO}}, false)
            AND x.kind IS NULL AS is_plausible
FROM placed p LEFT JOIN contradicted x ON x.event_id = p.event_id AND x.kind = p.kind;

-- share_count_history: compute when each share count is valid, for each vintage
-- Grain: one row per vintage, symbol and count that is ever used, with the interval [valid_from, valid_to). A symbol whose
-- vintages agree has only rows of the vintage 'known'.
-- Point in time: no count before its available_date in 'known' and 'first', and only counts known at the day judge others;
-- 'latest' uses hindsight.
-- Rules:
-- - The best source is used whose newest plausible count is within reach of the newest of all (see count_events).
-- - In 'latest', the newest count of a day is used, of the better source on the same day.
-- - cumulative_split_factor is that of split_history on the count's split basis.
-- - In an interval without a usable count, shares is NULL and `reason` gives the cause.
CREATE OR REPLACE TEMP TABLE share_count_history AS
WITH newest_counts AS (
    SELECT *, max(CASE WHEN is_plausible THEN fiscal_date END) OVER (PARTITION BY event_id) AS newest_plausible
    FROM judged_counts
    QUALIFY row_number() OVER (PARTITION BY event_id, kind, is_plausible ORDER BY fiscal_date DESC, months, provider_place, place DESC) = 1
),
best_counts AS (
    SELECT * FROM newest_counts
    WHERE is_plausible AND fiscal_date >= newest_plausible - reach_days OR newest_plausible IS NULL
    QUALIFY row_number() OVER (
        PARTITION BY event_id
        ORDER BY is_plausible DESC, CASE WHEN of_vintage = 'latest' THEN (kind > 1)::INTEGER ELSE kind END DESC, fiscal_date DESC, kind DESC) = 1
),
chosen AS (
    SELECT e.symbol, e.of_vintage, e.restated, e.day, e.extra_age_days, m.source_provider AS statement_provider,
           k.source, k.fiscal_date, k.available_date, k.split_basis_date, k.counted, k.place,
           CASE WHEN c.is_plausible THEN k.shares END AS shares,
           CASE WHEN c.is_plausible THEN NULL WHEN c.grade > 0 THEN 'share_count_implausible'
                WHEN c.event_id IS NULL THEN 'company_changed' END AS reason
    FROM count_events e LEFT JOIN best_counts c ON c.event_id = e.event_id
    LEFT JOIN known_counts k ON k.count_id = c.count_id
    LEFT JOIN statement_speakers m ON m.symbol = e.symbol AND e.day >= m.valid_from AND e.day < m.valid_to
                                  AND coalesce(m.company_chain = e.chain_id, m.company_chain IS NULL)
),
intervals AS (
    SELECT *, day AS valid_from, lead(day) OVER (PARTITION BY of_vintage, symbol ORDER BY day) AS next_from
    FROM (FROM chosen WINDOW by_day AS (PARTITION BY of_vintage, symbol ORDER BY day)
          QUALIFY row_number() OVER by_day = 1 OR counted IS DISTINCT FROM lag(counted) OVER by_day
               OR place IS DISTINCT FROM lag(place) OVER by_day OR reason IS DISTINCT FROM lag(reason) OVER by_day
               OR extra_age_days <> lag(extra_age_days) OVER by_day
               OR statement_provider IS DISTINCT FROM lag(statement_provider) OVER by_day)
)
SELECT s.symbol, s.of_vintage, s.restated, s.valid_from, coalesce(s.next_from, {{END_OF_TIME}}) AS valid_to, s.shares, s.source,
       s.fiscal_date, s.available_date, s.extra_age_days, s.split_basis_date,
       CASE WHEN l.symbol IS NULL THEN 1 ELSE l.cumulative_split_factor END AS cumulative_split_factor, l.same_from, l.same_to,
       s.reason, {{company_id}}, s.statement_provider
FROM intervals s
{{companies_of_counts}}
LEFT JOIN split_history l ON l.symbol = s.symbol AND s.split_basis_date >= l.from_date AND s.split_basis_date < l.to_date;
