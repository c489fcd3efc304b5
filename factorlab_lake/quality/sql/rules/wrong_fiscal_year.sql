-- wrong_fiscal_year: find statements whose fiscal year is far from the end of their period
-- Grain: one row per symbol, fiscal period and version. A fiscal year may be named by the year before or after its end.
SELECT symbol, fiscal_date AS date, fiscal_period, version, fiscal_year AS value, year(fiscal_date) AS expected
FROM {{table}}
WHERE abs(fiscal_year - year(fiscal_date)) > 1
