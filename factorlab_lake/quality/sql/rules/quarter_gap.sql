-- quarter_gap: find missing reports between two reports
-- Grain: one row per symbol and gap. `date` is the period end after the gap, `value` the days since the previous report,
-- `expected` the symbol's usual interval. Quarters and fiscal years are checked separately.
-- A quarter that follows from longer periods, as Q4 does from the year and its nine months or three quarters,
-- is not missing.
-- No report is missing between two companies that used one symbol.
WITH derived AS (
    SELECT y.symbol, y.fiscal_date, y.cik
    FROM income_statements y JOIN income_statements q ON q.symbol = y.symbol AND q.source_provider IS NOT DISTINCT FROM y.source_provider
        AND q.fiscal_date > y.fiscal_date - {{YEAR_QUARTERS_DAYS}} AND q.fiscal_date < y.fiscal_date
    WHERE y.fiscal_period = 'FY'
    GROUP BY y.symbol, y.fiscal_date, y.cik, y.source_provider
    HAVING bool_or(q.fiscal_period = '9M') OR count(DISTINCT q.fiscal_period) FILTER (q.fiscal_period IN ('Q1', 'Q2', 'Q3')) = 3
),
ends AS (
    SELECT symbol, yearly, fiscal_date, max(cik) AS cik
    FROM (SELECT symbol, fiscal_period = 'FY' AS yearly, fiscal_date, cik FROM income_statements
          UNION ALL
          SELECT symbol, false, fiscal_date, cik FROM derived)
    GROUP BY symbol, yearly, fiscal_date
),
steps AS (
    SELECT *, lag(cik) OVER (PARTITION BY symbol, yearly ORDER BY fiscal_date) AS cik_before,
           fiscal_date - lag(fiscal_date) OVER (PARTITION BY symbol, yearly ORDER BY fiscal_date) AS days FROM ends
),
spaced AS (SELECT *, median(days) OVER (PARTITION BY symbol, yearly) AS usual FROM steps)
SELECT symbol, fiscal_date AS date, CASE WHEN yearly THEN 'FY' END AS fiscal_period, days AS value, usual AS expected
FROM spaced
WHERE days > {{REPORT_GAP_FACTOR}} * greatest(usual, CASE WHEN yearly THEN {{MIN_USUAL_YEAR_DAYS}} ELSE {{MIN_USUAL_QUARTER_DAYS}} END)
  AND coalesce(cik = cik_before, true)
