-- quarter_gap: find missing reports between two reports
-- Grain: one row per symbol and gap. `date` is the period end after the gap, `value` the days since the previous report,
-- `expected` the symbol's usual interval. Quarters and fiscal years are checked separately.
-- A quarter that follows from longer periods, as Q4 does from the year and nine months, is not missing.
WITH ends AS (
    SELECT symbol, fiscal_period = 'FY' AS yearly, fiscal_date FROM income_statements
    UNION
    SELECT symbol, false, fiscal_date FROM quarter_history
    WHERE of_vintage = 'known' AND derivation <> 'reported' AND revenue IS NOT NULL
),
steps AS (
    SELECT *, fiscal_date - lag(fiscal_date) OVER (PARTITION BY symbol, yearly ORDER BY fiscal_date) AS days FROM ends
),
spaced AS (SELECT *, median(days) OVER (PARTITION BY symbol, yearly) AS usual FROM steps)
SELECT symbol, fiscal_date AS date, CASE WHEN yearly THEN 'FY' END AS fiscal_period, days AS value, usual AS expected
FROM spaced
WHERE days > {{REPORT_GAP_FACTOR}} * greatest(usual, CASE WHEN yearly THEN {{MIN_USUAL_YEAR_DAYS}} ELSE {{MIN_USUAL_QUARTER_DAYS}} END)
