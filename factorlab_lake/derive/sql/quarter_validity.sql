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
-- - A quarter with a missing component is not derived.
-- - Period ends of neighbours are {{MIN_QUARTER_DISTANCE_DAYS}}-{{MAX_QUARTER_DISTANCE_DAYS}} days apart.
CREATE OR REPLACE TEMP TABLE quarter_validity AS
WITH periods AS MATERIALIZED (
    SELECT *, {'statement_id': statement_id, 'sign': 1} AS plus, {'statement_id': statement_id, 'sign': -1} AS minus
    FROM statement_validity
),
flows AS (FROM periods WHERE statement_type <> 'balance_sheet'),
reported AS (FROM flows WHERE months = 3),
-- Cumulative figures, until their last quarter is reported by itself.
cumulative AS MATERIALIZED (
    SELECT c.* REPLACE (least(c.valid_to, coalesce(q.reported_from, {{END_OF_TIME}})) AS valid_to),
           CASE c.months WHEN 12 THEN c.subject END AS of_year
    FROM flows c
    LEFT JOIN (SELECT statement_type, subject, fiscal_date, min(valid_from) AS reported_from FROM reported GROUP BY ALL) q
      ON q.statement_type = c.statement_type AND q.subject = c.subject AND q.fiscal_date = c.fiscal_date
    WHERE c.months > 3 AND (q.reported_from IS NULL OR q.reported_from > c.valid_from)
),
shorter AS MATERIALIZED (
    SELECT c.statement_type, c.subject, c.fiscal_date, c.months, p.valid_from AS shorter_from,
           greatest(c.valid_from, p.valid_from) AS valid_from, least(c.valid_to, p.valid_to) AS valid_to,
           greatest(c.available_date, p.available_date) AS available_date, c.reported_currency,
           c.fiscal_period || ' - ' || p.fiscal_period AS derivation, [c.plus, p.minus] AS components
    FROM cumulative c JOIN flows p
      ON p.statement_type = c.statement_type AND p.subject = c.subject AND p.months = c.months - 3
     AND p.fiscal_date BETWEEN c.fiscal_date - {{MAX_QUARTER_DISTANCE_DAYS}} AND c.fiscal_date - {{MIN_QUARTER_DISTANCE_DAYS}}
     AND p.reported_currency IS NOT DISTINCT FROM c.reported_currency
),
-- Subtract single quarters only until the figure three months shorter is known.
single AS (
    SELECT c.statement_type, c.subject, c.fiscal_date,
           greatest(c.valid_from, a.valid_from, b.valid_from, coalesce(d.valid_from, b.valid_from)) AS valid_from,
           least(c.valid_to, a.valid_to, b.valid_to, coalesce(d.valid_to, b.valid_to),
                 coalesce(s.shorter_from, {{END_OF_TIME}})) AS valid_to,
           greatest(c.available_date, a.available_date, b.available_date,
                    coalesce(d.available_date, b.available_date)) AS available_date,
           c.reported_currency,
           concat_ws(' - ', c.fiscal_period, d.fiscal_period, b.fiscal_period, a.fiscal_period) AS derivation,
           CASE c.months WHEN 9 THEN [c.plus, b.minus, a.minus] ELSE [c.plus, d.minus, b.minus, a.minus] END AS components
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
contents AS (
    SELECT statement_type, subject, fiscal_date, months, valid_from, valid_to, available_date, reported_currency,
           'reported' AS derivation, [plus] AS components
    FROM periods
    UNION ALL BY NAME
    SELECT * EXCLUDE (shorter_from) REPLACE (3 AS months) FROM shorter WHERE valid_from < valid_to
    UNION ALL BY NAME
    SELECT *, 3 AS months FROM single WHERE valid_from < valid_to
)
SELECT row_number() OVER ()::INTEGER AS period_id, * FROM contents;

-- period_statements: list the statements that a period is computed from
-- Grain: one row per period and statement.
CREATE OR REPLACE TEMP TABLE period_statements AS
SELECT period_id, component.statement_id AS statement_id, component.sign AS component_sign, is_reported
FROM (SELECT period_id, derivation = 'reported' AS is_reported, unnest(components) AS component FROM quarter_validity);
