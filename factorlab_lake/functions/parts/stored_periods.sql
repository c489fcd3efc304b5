-- When the lake first and last stored an income statement or balance sheet of a period: one row per symbol and period end.
SELECT symbol, period_end, MIN(recorded_at) AS created_at, MAX(recorded_at) AS updated_at
FROM (
    SELECT symbol, COALESCE(period_end, fiscal_date) AS period_end, recorded_at FROM income_statements
    UNION ALL
    SELECT symbol, COALESCE(period_end, fiscal_date), recorded_at FROM balance_sheets
) AS t
GROUP BY symbol, period_end
