-- quarter_gap: find missing reports between two reports
-- Grain: one row per symbol and gap. `date` is the period end after the gap, `value` the days since the previous report,
-- `expected` the symbol's usual interval. Quarters and fiscal years are checked separately.
WITH ends AS (
    SELECT DISTINCT symbol, fiscal_period = 'FY' AS yearly, fiscal_date FROM income_statements
),
steps AS (
    SELECT *, fiscal_date - lag(fiscal_date) OVER (PARTITION BY symbol, yearly ORDER BY fiscal_date) AS days FROM ends
),
spaced AS (SELECT *, median(days) OVER (PARTITION BY symbol, yearly) AS usual FROM steps)
SELECT symbol, fiscal_date AS date, CASE WHEN yearly THEN 'FY' END AS fiscal_period, days AS value, usual AS expected
FROM spaced
WHERE days > {{REPORT_GAP_FACTOR}} * greatest(usual, CASE WHEN yearly THEN {{MIN_USUAL_YEAR_DAYS}} ELSE {{MIN_USUAL_QUARTER_DAYS}} END)
