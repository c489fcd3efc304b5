-- sum_of_quarters_cash: find fiscal years whose operating cash flow differs from the sum of its quarters
-- Grain: one row per symbol and fiscal year, on one basis (see years_on_one_basis).
-- The tolerance is a twentieth of the year's figure. Zero stands for a missing value.
WITH {{years_on_one_basis}},
flows AS (
    SELECT symbol, fiscal_date, fiscal_period, version, nullif(net_cash_provided_by_operating_activities, 0) AS cash FROM cash_flows
),
sums AS (
    SELECT c.symbol, c.fiscal_date, c.version, c.is_first, c.bases, sum(q.cash) AS value, y.cash AS expected
    FROM years_on_one_basis c
    JOIN flows y ON y.symbol = c.symbol AND y.fiscal_date = c.fiscal_date AND y.fiscal_period = 'FY' AND y.version = c.year_version
    JOIN flows q ON q.symbol = c.symbol AND q.fiscal_date = c.quarter_date AND q.fiscal_period = c.fiscal_period AND q.version = c.quarter_version
    GROUP BY c.symbol, c.fiscal_date, c.version, c.is_first, c.bases, y.cash
    HAVING count(DISTINCT c.fiscal_period) = 4 AND count(*) = 4 AND count(q.cash) = 4
)
SELECT symbol, fiscal_date AS date, 'FY' AS fiscal_period, version, value, expected, 'operating cash flow' AS detail
FROM sums
WHERE abs(value - expected) > {{SUM_OF_CASH_TOLERANCE}} * abs(expected)
QUALIFY count(*) OVER (PARTITION BY symbol, fiscal_date) = bases AND is_first = (bases = 2)
