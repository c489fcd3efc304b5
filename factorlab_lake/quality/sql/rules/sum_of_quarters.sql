-- sum_of_quarters: find fiscal years that differ from the sum of their quarters
-- Grain: one row per symbol, fiscal year and item (revenue, net income), by the newest version of each report.
-- `value` is the sum, `expected` the year's own figure. The tolerance is a hundredth of the year's revenue.
-- A net income of zero stands for a missing value.
WITH newest AS (
    SELECT symbol, fiscal_date, fiscal_period, version, revenue, nullif(net_income, 0) AS net_income
    FROM income_statements
    QUALIFY row_number() OVER (PARTITION BY symbol, fiscal_date, fiscal_period ORDER BY version DESC) = 1
),
years AS (
    SELECT y.symbol, y.fiscal_date, y.version, sum(q.revenue) AS revenue, sum(q.net_income) AS net_income,
           any_value(y.revenue) AS year_revenue, any_value(y.net_income) AS year_net_income,
           count(q.revenue) AS revenues, count(q.net_income) AS net_incomes
    FROM newest y JOIN newest q ON q.symbol = y.symbol AND q.fiscal_period IN ('Q1', 'Q2', 'Q3', 'Q4')
        AND q.fiscal_date > y.fiscal_date - {{YEAR_QUARTERS_DAYS}} AND q.fiscal_date <= y.fiscal_date
    WHERE y.fiscal_period = 'FY'
    GROUP BY ALL
    HAVING count(DISTINCT q.fiscal_period) = 4 AND count(*) = 4
),
items AS (
    SELECT *, 'revenue' AS item, revenue AS value, year_revenue AS expected, revenues AS quarters FROM years
    UNION ALL
    SELECT *, 'net_income', net_income, year_net_income, net_incomes FROM years
)
SELECT symbol, fiscal_date AS date, 'FY' AS fiscal_period, version, value, expected, item AS detail
FROM items
WHERE quarters = 4 AND abs(value - expected) > {{SUM_OF_QUARTERS_TOLERANCE}} * greatest(abs(expected), coalesce(abs(year_revenue), 0))
