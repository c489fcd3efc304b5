-- statement_spans(symbols, vintage := 'known', dates := NULL, types := NULL, days_back := NULL): the content of each period,
-- and quarters derived from longer periods
-- Grain: one row per statement type, symbol, period end, length in months, and stretch of time
-- [known_from, known_until) in which its content stood. `parts` are the statements that make it up, each with a
-- sign: the period's figures are the sum of sign x figure. `derivation` says so in words.
-- A reported quarter is itself, as every balance sheet is. Where a quarter of income or cash flow is not reported
-- (yet), it is what a cumulative figure (first half, nine months, fiscal year) adds to the figure three months
-- shorter, or to the quarters before it:
--   Q4 = FY - 9M, or FY - Q1 - Q2 - Q3;   Q3 = 9M - H1, or 9M - Q1 - Q2;   Q2 = H1 - Q1.
-- A quarter with a missing part is not derived. Period ends of neighbours are {{MIN_QUARTER_DISTANCE_DAYS}}-{{MAX_QUARTER_DISTANCE_DAYS}} days apart.
-- dates, types, days_back: as in period_spans.
-- Point in time: a derived quarter is known while all its parts are, until the quarter itself is reported.
CREATE OR REPLACE FUNCTION statement_spans(
    symbols text[], vintage text DEFAULT 'known', dates date[] DEFAULT NULL,
    types text[] DEFAULT NULL, days_back integer DEFAULT NULL
)
RETURNS TABLE (
    statement_type text, symbol text, fiscal_date date, months integer, known_from date, known_until date,
    available_date date, reported_currency text, derivation text, parts statement_part[]
)
{{planned}}
BEGIN ATOMIC
WITH spans AS MATERIALIZED (
    SELECT p.*, (p.fiscal_date, p.fiscal_period, p.version, 1)::statement_part AS plus,
           (p.fiscal_date, p.fiscal_period, p.version, -1)::statement_part AS minus
    FROM period_spans(symbols, vintage, dates, types, days_back) p
),
flows AS (SELECT * FROM spans WHERE statement_type <> 'balance_sheet'),
reported AS (SELECT * FROM flows WHERE months = 3),
-- Cumulative figures, as long as the last quarter in them is not reported by itself.
cumulative AS MATERIALIZED (
    SELECT c.statement_type, c.symbol, c.fiscal_date, c.fiscal_period, c.months, c.version, c.reported_currency,
           c.available_date, c.known_from,
           least(c.known_until, coalesce(q.reported_from, {{END_OF_TIME}})) AS known_until, c.plus, c.minus,
           CASE c.months WHEN 12 THEN c.symbol END AS of_year
    FROM flows c
    LEFT JOIN (SELECT statement_type, symbol, fiscal_date, min(known_from) AS reported_from
               FROM reported GROUP BY statement_type, symbol, fiscal_date) q
      ON q.statement_type = c.statement_type AND q.symbol = c.symbol AND q.fiscal_date = c.fiscal_date
    WHERE c.months > 3 AND (q.reported_from IS NULL OR q.reported_from > c.known_from)
),
shorter AS MATERIALIZED (
    SELECT c.statement_type, c.symbol, c.fiscal_date, c.months, p.known_from AS shorter_from,
           greatest(c.known_from, p.known_from) AS known_from, least(c.known_until, p.known_until) AS known_until,
           greatest(c.available_date, p.available_date) AS available_date, c.reported_currency,
           c.fiscal_period || ' - ' || p.fiscal_period AS derivation, ARRAY[c.plus, p.minus] AS parts
    FROM cumulative c JOIN flows p
      ON p.statement_type = c.statement_type AND p.symbol = c.symbol AND p.months = c.months - 3
     AND p.fiscal_date BETWEEN c.fiscal_date - {{MAX_QUARTER_DISTANCE_DAYS}} AND c.fiscal_date - {{MIN_QUARTER_DISTANCE_DAYS}}
     AND p.reported_currency IS NOT DISTINCT FROM c.reported_currency
),
-- By single quarters only until a figure three months shorter is known.
single AS (
    SELECT c.statement_type, c.symbol, c.fiscal_date,
           greatest(c.known_from, a.known_from, b.known_from, coalesce(d.known_from, b.known_from)) AS known_from,
           least(c.known_until, a.known_until, b.known_until, coalesce(d.known_until, b.known_until),
                 coalesce(s.shorter_from, {{END_OF_TIME}})) AS known_until,
           greatest(c.available_date, a.available_date, b.available_date,
                    coalesce(d.available_date, b.available_date)) AS available_date,
           c.reported_currency,
           concat_ws(' - ', c.fiscal_period, d.fiscal_period, b.fiscal_period, a.fiscal_period) AS derivation,
           CASE c.months WHEN 9 THEN ARRAY[c.plus, b.minus, a.minus]
                         ELSE ARRAY[c.plus, d.minus, b.minus, a.minus] END AS parts
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
SELECT statement_type, symbol, fiscal_date, months, known_from, known_until, available_date, reported_currency,
       'reported', ARRAY[plus]
FROM spans
UNION ALL
SELECT statement_type, symbol, fiscal_date, 3, known_from, known_until, available_date, reported_currency,
       derivation, parts
FROM shorter WHERE known_from < known_until
UNION ALL
SELECT statement_type, symbol, fiscal_date, 3, known_from, known_until, available_date, reported_currency,
       derivation, parts
FROM single WHERE known_from < known_until;
END;
