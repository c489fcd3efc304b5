-- zero_gross_profit: find a gross profit of zero that means "not reported"
-- Grain: one row per symbol and fiscal period, by the newest version.
-- A company without a cost of revenue, such as a bank or a card network, has no gross profit; its margin is not 0.
SELECT symbol, fiscal_date AS date, fiscal_period, version, gross_profit AS value, revenue AS expected
FROM (FROM income_statements QUALIFY row_number() OVER (PARTITION BY symbol, fiscal_date, fiscal_period ORDER BY version DESC) = 1)
WHERE gross_profit = 0 AND coalesce(cost_of_revenue, 0) = 0 AND revenue > 0
