-- sum_of_quarters: find fiscal years that differ from the sum of their quarters
-- Grain: one row per symbol, fiscal year and item (revenue, net income), on one basis (see years_on_one_basis).
-- `value` is the sum, `expected` the year's own figure. The tolerance is a hundredth of the year's revenue.
-- A net income of zero stands for a missing value.
WITH {{years_on_one_basis}},
sums AS (
    SELECT c.symbol, c.fiscal_date, c.version, c.is_first, c.bases, sum(q.revenue) AS revenue, sum(nullif(q.net_income, 0)) AS net_income,
           any_value(y.revenue) AS year_revenue, any_value(nullif(y.net_income, 0)) AS year_net_income,
           count(q.revenue) AS revenues, count(nullif(q.net_income, 0)) AS net_incomes
    FROM years_on_one_basis c
    JOIN income_statements y ON y.symbol = c.symbol AND y.fiscal_date = c.fiscal_date AND y.fiscal_period = 'FY' AND y.version = c.year_version
    JOIN income_statements q ON q.symbol = c.symbol AND q.fiscal_date = c.quarter_date AND q.fiscal_period = c.fiscal_period
        AND q.version = c.quarter_version
    GROUP BY ALL
    HAVING count(DISTINCT c.fiscal_period) = 4 AND count(*) = 4
),
items AS (
    SELECT *, 'revenue' AS item, revenue AS value, year_revenue AS expected, revenues AS quarters FROM sums
    UNION ALL
    SELECT *, 'net_income', net_income, year_net_income, net_incomes FROM sums
)
SELECT symbol, fiscal_date AS date, 'FY' AS fiscal_period, version, value, expected, item AS detail
FROM items
WHERE quarters = 4 AND abs(value - expected) > {{SUM_OF_QUARTERS_TOLERANCE}} * greatest(abs(expected), coalesce(abs(year_revenue), 0))
QUALIFY count(*) OVER (PARTITION BY symbol, fiscal_date, item) = bases AND is_first = (bases = 2)
