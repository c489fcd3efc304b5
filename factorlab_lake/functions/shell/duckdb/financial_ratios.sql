-- financial_ratios: return the ratios of all symbols, as of the day on which each period became available
-- Grain: one row per symbol and fiscal period end; columns and rules as in ratios, which is faster for some symbols.
-- Columns:
-- - source_provider: provider of the statements.
-- - created_at, updated_at: times at which this lake first and last stored an income statement or balance sheet of the period.
CREATE OR REPLACE VIEW financial_ratios AS
SELECT r.*, r.statement_provider AS source_provider, s.created_at, s.updated_at
FROM ratios((SELECT list(DISTINCT symbol) FROM period_publications), NULL, NULL) r
LEFT JOIN (
    SELECT symbol, period_end, min(recorded_at) AS created_at, max(recorded_at) AS updated_at
    FROM (
        SELECT symbol, coalesce(period_end, fiscal_date) AS period_end, recorded_at FROM income_statements
        UNION ALL
        SELECT symbol, coalesce(period_end, fiscal_date), recorded_at FROM balance_sheets
    ) AS t
    GROUP BY symbol, period_end
) s ON s.symbol = r.symbol AND s.period_end = r.fiscal_date;
