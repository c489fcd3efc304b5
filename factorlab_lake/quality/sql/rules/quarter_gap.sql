-- quarter_gap: reports that are missing between others
-- Grain: one row per symbol and gap; `date` is the period end after it, `value` the days from the one before, `expected`
-- the symbol's usual distance. Quarters by themselves, and fiscal years by themselves.
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
