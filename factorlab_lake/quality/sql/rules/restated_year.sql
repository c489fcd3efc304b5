-- restated_year: find fiscal years that were restated without their quarters
-- Grain: one row per symbol and fiscal year, by the newest version. `value` is the restated revenue, `expected` the first one.
-- A fourth quarter that follows from such a year is computed on the basis of the first reports.
WITH newest AS (
    SELECT symbol, fiscal_date, fiscal_period, version, revenue, net_income, available_date,
           first_value(revenue) OVER versions AS first_revenue, first_value(net_income) OVER versions AS first_net_income,
           first_value(available_date) OVER versions AS first_available
    FROM income_statements
    WINDOW versions AS (PARTITION BY symbol, source_provider, fiscal_date, fiscal_period ORDER BY version)
    QUALIFY row_number() OVER (PARTITION BY symbol, source_provider, fiscal_date, fiscal_period ORDER BY version DESC) = 1
)
SELECT y.symbol, y.fiscal_date AS date, 'FY' AS fiscal_period, y.version, y.revenue AS value, y.first_revenue AS expected,
       'restated from ' || y.available_date || ' on, but no quarter of the year was' AS detail
FROM newest y JOIN newest q ON q.symbol = y.symbol AND q.fiscal_period <> 'FY'
    AND q.fiscal_date > y.fiscal_date - {{YEAR_QUARTERS_DAYS}} AND q.fiscal_date <= y.fiscal_date
WHERE y.fiscal_period = 'FY' AND y.available_date > y.first_available
  AND (y.revenue <> y.first_revenue OR y.net_income <> y.first_net_income)
GROUP BY ALL
HAVING bool_and(q.revenue IS NOT DISTINCT FROM q.first_revenue AND q.net_income IS NOT DISTINCT FROM q.first_net_income)
