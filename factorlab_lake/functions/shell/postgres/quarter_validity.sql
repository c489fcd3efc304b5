-- quarter_validity(symbols, vintage := 'known', dates := NULL, types := NULL, days_back := NULL, availability := 'close'): return the content of each period by interval, with derived quarters
-- Grain: one row per statement type, symbol, period end, length in months and validity interval [valid_from, valid_to).
-- Parameters:
-- - vintage, dates, types, days_back, availability: as in statement_validity.
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
CREATE OR REPLACE FUNCTION quarter_validity(
    symbols text[], vintage text DEFAULT 'known', dates date[] DEFAULT NULL,
    types text[] DEFAULT NULL, days_back integer DEFAULT NULL, availability text DEFAULT 'close'
)
RETURNS TABLE (
    statement_type text, symbol text, fiscal_date date, months integer, valid_from date, valid_to date,
    available_date date, reported_currency text, derivation text, components statement_component[]
)
{{planned}}
BEGIN ATOMIC
WITH periods AS MATERIALIZED (
    SELECT p.*, (p.fiscal_date, p.fiscal_period, p.version, 1)::statement_component AS plus,
           (p.fiscal_date, p.fiscal_period, p.version, -1)::statement_component AS minus
    FROM statement_validity(symbols, vintage, dates, types, days_back, availability) p
),
flows AS (SELECT * FROM periods WHERE statement_type <> 'balance_sheet'),
reported AS (SELECT * FROM flows WHERE months = 3),
-- Cumulative figures, until their last quarter is reported by itself.
cumulative AS MATERIALIZED (
    SELECT c.statement_type, c.symbol, c.fiscal_date, c.fiscal_period, c.months, c.version, c.reported_currency,
           c.available_date, c.valid_from,
           least(c.valid_to, coalesce(q.reported_from, {{END_OF_TIME}})) AS valid_to, c.plus, c.minus,
           CASE c.months WHEN 12 THEN c.symbol END AS of_year
    FROM flows c
    LEFT JOIN (SELECT statement_type, symbol, fiscal_date, min(valid_from) AS reported_from
               FROM reported GROUP BY statement_type, symbol, fiscal_date) q
      ON q.statement_type = c.statement_type AND q.symbol = c.symbol AND q.fiscal_date = c.fiscal_date
    WHERE c.months > 3 AND (q.reported_from IS NULL OR q.reported_from > c.valid_from)
),
shorter AS MATERIALIZED (
    SELECT c.statement_type, c.symbol, c.fiscal_date, c.months, p.valid_from AS shorter_from,
           greatest(c.valid_from, p.valid_from) AS valid_from, least(c.valid_to, p.valid_to) AS valid_to,
           greatest(c.available_date, p.available_date) AS available_date, c.reported_currency,
           c.fiscal_period || ' - ' || p.fiscal_period AS derivation, ARRAY[c.plus, p.minus] AS components
    FROM cumulative c JOIN flows p
      ON p.statement_type = c.statement_type AND p.symbol = c.symbol AND p.months = c.months - 3
     AND p.fiscal_date BETWEEN c.fiscal_date - {{MAX_QUARTER_DISTANCE_DAYS}} AND c.fiscal_date - {{MIN_QUARTER_DISTANCE_DAYS}}
     AND p.reported_currency IS NOT DISTINCT FROM c.reported_currency
),
-- Subtract single quarters only until the figure three months shorter is known.
single AS (
    SELECT c.statement_type, c.symbol, c.fiscal_date,
           greatest(c.valid_from, a.valid_from, b.valid_from, coalesce(d.valid_from, b.valid_from)) AS valid_from,
           least(c.valid_to, a.valid_to, b.valid_to, coalesce(d.valid_to, b.valid_to),
                 coalesce(s.shorter_from, {{END_OF_TIME}})) AS valid_to,
           greatest(c.available_date, a.available_date, b.available_date,
                    coalesce(d.available_date, b.available_date)) AS available_date,
           c.reported_currency,
           concat_ws(' - ', c.fiscal_period, d.fiscal_period, b.fiscal_period, a.fiscal_period) AS derivation,
           CASE c.months WHEN 9 THEN ARRAY[c.plus, b.minus, a.minus]
                         ELSE ARRAY[c.plus, d.minus, b.minus, a.minus] END AS components
    FROM cumulative c
    JOIN reported a
      ON a.statement_type = c.statement_type AND a.symbol = c.symbol
     AND a.fiscal_date BETWEEN c.fiscal_date - {{MAX_QUARTER_DISTANCE_DAYS}} AND c.fiscal_date - {{MIN_QUARTER_DISTANCE_DAYS}}
     AND a.reported_currency IS NOT DISTINCT FROM c.reported_currency
    JOIN reported b
      ON b.statement_type = c.statement_type AND b.symbol = c.symbol
     AND b.fiscal_date BETWEEN a.fiscal_date - {{MAX_QUARTER_DISTANCE_DAYS}} AND a.fiscal_date - {{MIN_QUARTER_DISTANCE_DAYS}}
     AND b.reported_currency IS NOT DISTINCT FROM c.reported_currency
    LEFT JOIN reported d
      ON d.statement_type = c.statement_type AND d.symbol = c.of_year
     AND d.fiscal_date BETWEEN b.fiscal_date - {{MAX_QUARTER_DISTANCE_DAYS}} AND b.fiscal_date - {{MIN_QUARTER_DISTANCE_DAYS}}
     AND d.reported_currency IS NOT DISTINCT FROM c.reported_currency
    LEFT JOIN (SELECT statement_type, symbol, fiscal_date, months, min(shorter_from) AS shorter_from
               FROM shorter GROUP BY statement_type, symbol, fiscal_date, months) s
      ON s.statement_type = c.statement_type AND s.symbol = c.symbol AND s.fiscal_date = c.fiscal_date
     AND s.months = c.months
    WHERE c.months = 9 OR (c.months = 12 AND d.symbol IS NOT NULL)
)
SELECT statement_type, symbol, fiscal_date, months, valid_from, valid_to, available_date, reported_currency,
       'reported', ARRAY[plus]
FROM periods
UNION ALL
SELECT statement_type, symbol, fiscal_date, 3, valid_from, valid_to, available_date, reported_currency,
       derivation, components
FROM shorter WHERE valid_from < valid_to
UNION ALL
SELECT statement_type, symbol, fiscal_date, 3, valid_from, valid_to, available_date, reported_currency,
       derivation, components
FROM single WHERE valid_from < valid_to;
END;
