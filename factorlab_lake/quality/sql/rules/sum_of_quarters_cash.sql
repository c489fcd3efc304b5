-- sum_of_quarters_cash: find fiscal years whose operating cash flow differs from the sum of its quarters
-- Grain: one row per symbol and fiscal year, by the newest version of each report.
-- The tolerance is a twentieth of the year's figure. Zero stands for a missing value.
WITH newest AS (
    SELECT symbol, fiscal_date, fiscal_period, version, nullif(net_cash_provided_by_operating_activities, 0) AS cash FROM cash_flows
    QUALIFY row_number() OVER (PARTITION BY symbol, fiscal_date, fiscal_period ORDER BY version DESC) = 1
)
SELECT y.symbol, y.fiscal_date AS date, 'FY' AS fiscal_period, y.version, sum(q.cash) AS value,
       y.cash AS expected, 'operating cash flow' AS detail
FROM newest y JOIN newest q ON q.symbol = y.symbol AND q.fiscal_period IN ('Q1', 'Q2', 'Q3', 'Q4')
    AND q.fiscal_date > y.fiscal_date - {{YEAR_QUARTERS_DAYS}} AND q.fiscal_date <= y.fiscal_date
WHERE y.fiscal_period = 'FY'
GROUP BY y.symbol, y.fiscal_date, y.version, y.cash
HAVING count(DISTINCT q.fiscal_period) = 4 AND count(*) = 4 AND count(q.cash) = 4
   AND abs(sum(q.cash) - y.cash) > {{SUM_OF_CASH_TOLERANCE}} * abs(y.cash)
