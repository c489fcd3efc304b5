-- periods: list the content of each reported period by interval
-- Grain: one row per subject, statement type, period and validity interval [valid_from, valid_to).
-- Columns:
-- - version, first_known, changed_from: this version with its day; the day of the first version; the day of the newest change of
--   basis up to this version, NULL without one.
-- - versions: all versions of a restated period, oldest first; NULL otherwise.
-- Rules:
-- - Until the length of a statement is proved, its months are NULL.
-- - A restatement and a vendor's revision change the basis of a period. A split changes none of its flows.
CREATE OR REPLACE TEMP TABLE periods AS
WITH known AS (
    SELECT v.*, u.symbol,
           n.change_kind <> 'split_rebase' AND row_number() OVER (
               PARTITION BY v.statement_type, u.symbol, v.chain_id, v.fiscal_date, v.months ORDER BY v.available_date) > 1 AS is_restated
    FROM statement_validity v JOIN subjects u ON u.subject = v.subject AND u.restated AND u.vintage = 'known'
    JOIN statement_versions n ON n.statement_id = v.statement_id
),
histories AS (
    SELECT statement_type, symbol, chain_id, fiscal_date, months, min(available_date) AS first_known,
           list({'statement_id': statement_id, 'known_from': available_date, 'is_restated': is_restated} ORDER BY available_date) AS versions
    FROM known GROUP BY ALL HAVING count(*) > 1
),
restated AS (
    SELECT v.subject, v.statement_id, h.first_known, h.versions,
           list_max([x.known_from FOR x IN h.versions IF x.is_restated AND x.known_from <= v.available_date]) AS changed_from
    FROM statement_validity v JOIN subjects u ON u.subject = v.subject
    JOIN histories h ON h.statement_type = v.statement_type AND h.symbol = u.symbol AND h.chain_id = v.chain_id
                    AND h.fiscal_date = v.fiscal_date AND h.months = v.months
),
unproved AS (SELECT statement_id, proved_from FROM statement_lengths WHERE proved_from IS NOT NULL),
lengths AS (
    SELECT v.subject, v.statement_id, v.statement_type, v.fiscal_date, v.fiscal_period, v.available_date, v.reported_currency,
           v.months, greatest(v.valid_from, u.proved_from) AS valid_from, v.valid_to
    FROM statement_validity v LEFT JOIN unproved u ON u.statement_id = v.statement_id
    WHERE u.proved_from IS NULL OR u.proved_from < v.valid_to
    UNION ALL
    SELECT v.subject, v.statement_id, v.statement_type, v.fiscal_date, v.fiscal_period, v.available_date, v.reported_currency,
           NULL, v.valid_from, least(v.valid_to, u.proved_from)
    FROM statement_validity v JOIN unproved u ON u.statement_id = v.statement_id WHERE u.proved_from > v.valid_from
)
SELECT l.*, coalesce(r.first_known, l.available_date) AS first_known, r.changed_from, r.versions,
       {'statement_id': l.statement_id, 'known_from': l.available_date, 'is_restated': false} AS version
FROM lengths l LEFT JOIN restated r ON r.subject = l.subject AND r.statement_id = l.statement_id;

-- Return the version of a period that was known on a day, or its first one.
CREATE OR REPLACE TEMP MACRO version_on(versions, day) AS
    coalesce(list_last([x FOR x IN versions IF x.known_from <= day]), versions[1]);

-- period_differences: compute what a longer period adds to a shorter one, by interval
-- Grain: one row per longer period, shorter period and interval.
-- Columns:
-- - minuend, subtrahend: the versions that are used.
-- Rules:
-- - Both figures are on one basis, as known in the interval. Changes count since the other figure was first known.
-- - If both or neither changed, the newest of both are used.
-- - If only the shorter one changed, it is used as it stood when the longer one's basis was set.
-- - If only the longer one changed, it is used as it stood before that.
-- - A difference is of one currency, and its length is that of the months between the two ends.
CREATE OR REPLACE TEMP TABLE period_differences AS
WITH flows AS (FROM periods WHERE statement_type <> 'balance_sheet'),
pairs AS (
    SELECT m.statement_type, m.subject, m.fiscal_date, m.months AS longer_months, s.fiscal_date AS shorter_date, s.months AS shorter_months,
           greatest(m.valid_from, s.valid_from) AS valid_from, least(m.valid_to, s.valid_to) AS valid_to, s.valid_from AS shorter_from,
           m.reported_currency, m.fiscal_period || ' - ' || s.fiscal_period AS derivation,
           coalesce(m.changed_from > s.first_known, false) AS is_longer_changed,
           coalesce(s.changed_from > m.first_known, false) AS is_shorter_changed,
           m.version AS longer, s.version AS shorter, m.versions AS longer_versions, s.versions AS shorter_versions,
           greatest(m.first_known, s.first_known) AS both_known, coalesce(m.changed_from, m.first_known) AS longer_from
    FROM flows m JOIN flows s
      ON s.statement_type = m.statement_type AND s.subject = m.subject AND s.reported_currency IS NOT DISTINCT FROM m.reported_currency
     AND s.valid_from < m.valid_to AND m.valid_from < s.valid_to
    JOIN {{period_days}} d ON d.months = m.months - s.months AND m.fiscal_date - s.fiscal_date BETWEEN d.first_days AND d.last_days
    WHERE m.months IN (6, 9, 12) AND s.months IN (3, 6, 9) AND (m.months = 12 OR m.months - s.months = 3)
)
SELECT * EXCLUDE (is_longer_changed, is_shorter_changed, longer, shorter, longer_versions, shorter_versions, both_known, longer_from),
       CASE WHEN is_longer_changed AND NOT is_shorter_changed THEN version_on(longer_versions, both_known) ELSE longer END AS minuend,
       CASE WHEN is_shorter_changed AND NOT is_longer_changed THEN version_on(shorter_versions, longer_from) ELSE shorter END AS subtrahend
FROM pairs;

-- quarter_validity: compute the content of each period by interval, with derived quarters
-- Grain: one row per subject, statement type, period end, length in months and validity interval [valid_from, valid_to).
-- Point in time: a derived quarter is valid while all its components are, until the quarter itself is reported.
-- Columns:
-- - components: the statements whose figures are added, each with a sign.
-- - derivation: the same as text, such as 'FY - 9M'; 'reported' for a statement of its own.
-- Rules:
-- - Every balance sheet and every reported quarter is its own single component.
-- - A quarter of flows that is not reported is a cumulative figure less the figure three months shorter: Q4 = FY - 9M,
--   Q3 = 9M - H1, Q2 = H1 - Q1.
-- - Where the shorter figure is missing, the quarters before it are subtracted: Q4 = FY - Q1 - Q2 - Q3, Q3 = 9M - Q1 - Q2.
-- - A quarter with a missing component is not derived. All components are on one basis (see period_differences).
-- - Period ends of neighbours are {{MIN_QUARTER_DISTANCE_DAYS}}-{{MAX_QUARTER_DISTANCE_DAYS}} days apart.
CREATE OR REPLACE TEMP TABLE quarter_validity AS
WITH reported AS (FROM periods WHERE statement_type <> 'balance_sheet' AND months = 3),
first_reports AS (SELECT statement_type, subject, fiscal_date, min(valid_from) AS reported_from FROM reported GROUP BY ALL),
-- Cumulative figures, until their last quarter is reported by itself.
cumulative AS MATERIALIZED (
    SELECT c.* REPLACE (least(c.valid_to, coalesce(q.reported_from, {{END_OF_TIME}})) AS valid_to),
           CASE c.months WHEN 12 THEN c.subject END AS of_year
    FROM periods c LEFT JOIN first_reports q
      ON q.statement_type = c.statement_type AND q.subject = c.subject AND q.fiscal_date = c.fiscal_date
    WHERE c.statement_type <> 'balance_sheet' AND c.months IN (9, 12) AND (q.reported_from IS NULL OR q.reported_from > c.valid_from)
),
shorter AS MATERIALIZED (
    SELECT c.statement_type, c.subject, c.fiscal_date, c.longer_months AS months, c.shorter_from, c.valid_from,
           least(c.valid_to, coalesce(q.reported_from, {{END_OF_TIME}})) AS valid_to,
           greatest(c.minuend.known_from, c.subtrahend.known_from) AS available_date, c.reported_currency, c.derivation,
           [{'statement_id': c.minuend.statement_id, 'sign': 1}, {'statement_id': c.subtrahend.statement_id, 'sign': -1}] AS components
    FROM period_differences c LEFT JOIN first_reports q
      ON q.statement_type = c.statement_type AND q.subject = c.subject AND q.fiscal_date = c.fiscal_date
    WHERE c.longer_months - c.shorter_months = 3 AND (q.reported_from IS NULL OR q.reported_from > c.valid_from)
),
-- Subtract single quarters only until the figure three months shorter is known.
together AS (
    SELECT c.statement_type, c.subject, c.fiscal_date, c.months,
           greatest(c.valid_from, a.valid_from, b.valid_from, coalesce(d.valid_from, b.valid_from)) AS valid_from,
           least(c.valid_to, a.valid_to, b.valid_to, coalesce(d.valid_to, b.valid_to),
                 coalesce(s.shorter_from, {{END_OF_TIME}})) AS valid_to,
           c.reported_currency,
           concat_ws(' - ', c.fiscal_period, d.fiscal_period, b.fiscal_period, a.fiscal_period) AS derivation,
           greatest(a.first_known, b.first_known, d.first_known) AS all_known,
           coalesce(c.changed_from > greatest(a.first_known, b.first_known, d.first_known), false) AS is_longer_changed,
           coalesce(greatest(a.changed_from, b.changed_from, d.changed_from) > c.first_known, false) AS is_shorter_changed,
           coalesce(c.changed_from, c.first_known) AS longer_from, c.first_known, c.version, c.versions,
           [{'version': b.version, 'versions': b.versions}, {'version': a.version, 'versions': a.versions},
            {'version': d.version, 'versions': d.versions}] AS quarters
    FROM cumulative c
    JOIN reported a
      ON a.statement_type = c.statement_type AND a.subject = c.subject
     AND a.fiscal_date BETWEEN c.fiscal_date - {{MAX_QUARTER_DISTANCE_DAYS}} AND c.fiscal_date - {{MIN_QUARTER_DISTANCE_DAYS}}
     AND a.reported_currency IS NOT DISTINCT FROM c.reported_currency
    JOIN reported b
      ON b.statement_type = c.statement_type AND b.subject = c.subject
     AND b.fiscal_date BETWEEN a.fiscal_date - {{MAX_QUARTER_DISTANCE_DAYS}} AND a.fiscal_date - {{MIN_QUARTER_DISTANCE_DAYS}}
     AND b.reported_currency IS NOT DISTINCT FROM c.reported_currency
    LEFT JOIN reported d
      ON d.statement_type = c.statement_type AND d.subject = c.of_year
     AND d.fiscal_date BETWEEN b.fiscal_date - {{MAX_QUARTER_DISTANCE_DAYS}} AND b.fiscal_date - {{MIN_QUARTER_DISTANCE_DAYS}}
     AND d.reported_currency IS NOT DISTINCT FROM c.reported_currency
    LEFT JOIN (SELECT statement_type, subject, fiscal_date, months, min(shorter_from) AS shorter_from
               FROM shorter GROUP BY ALL) s
      ON s.statement_type = c.statement_type AND s.subject = c.subject AND s.fiscal_date = c.fiscal_date
     AND s.months = c.months
    WHERE c.months = 9 OR (c.months = 12 AND d.subject IS NOT NULL)
),
on_one_basis AS (
    SELECT statement_type, subject, fiscal_date, valid_from, valid_to, reported_currency, derivation,
           CASE WHEN is_longer_changed AND NOT is_shorter_changed THEN version_on(versions, greatest(first_known, all_known)) ELSE version END AS minuend,
           [CASE WHEN is_shorter_changed AND NOT is_longer_changed AND q.versions IS NOT NULL THEN version_on(q.versions, longer_from)
                 ELSE q.version END FOR q IN quarters IF q.version IS NOT NULL] AS subtrahends
    FROM together WHERE valid_from < valid_to
),
contents AS (
    SELECT statement_type, subject, fiscal_date, months, valid_from, valid_to, available_date, reported_currency,
           'reported' AS derivation, [{'statement_id': statement_id, 'sign': 1}] AS components
    FROM periods
    UNION ALL BY NAME
    SELECT * EXCLUDE (shorter_from) REPLACE (3 AS months) FROM shorter WHERE valid_from < valid_to
    UNION ALL BY NAME
    SELECT statement_type, subject, fiscal_date, 3 AS months, valid_from, valid_to,
           list_max([minuend.known_from] || [s.known_from FOR s IN subtrahends]) AS available_date, reported_currency, derivation,
           [{'statement_id': minuend.statement_id, 'sign': 1}] || [{'statement_id': s.statement_id, 'sign': -1} FOR s IN subtrahends] AS components
    FROM on_one_basis
)
SELECT row_number() OVER ()::INTEGER AS period_id, * FROM contents;

-- year_remainders: compute what a fiscal year adds to its first months, by interval
-- Grain: one row per fiscal year, year-to-date period and interval. period_id is negative.
CREATE OR REPLACE TEMP TABLE year_remainders AS
SELECT (-row_number() OVER ())::INTEGER AS period_id, statement_type, subject, fiscal_date, shorter_date, shorter_months, valid_from, valid_to,
       greatest(minuend.known_from, subtrahend.known_from) AS available_date, reported_currency, derivation,
       [{'statement_id': minuend.statement_id, 'sign': 1}, {'statement_id': subtrahend.statement_id, 'sign': -1}] AS components
FROM period_differences WHERE longer_months = 12;

-- period_statements: list the statements that a period is computed from
-- Grain: one row per period and statement.
CREATE OR REPLACE TEMP TABLE period_statements AS
SELECT period_id, component.statement_id AS statement_id, component.sign AS component_sign, is_reported
FROM (SELECT period_id, derivation = 'reported' AS is_reported, unnest(components) AS component FROM quarter_validity
      UNION ALL
      SELECT period_id, false, unnest(components) FROM year_remainders);
