-- financial_ratios: return the ratios of all symbols, as of the day on which each period became available
-- Grain: one row per symbol and fiscal period end; columns and rules as in ratios, which is faster for some symbols.
CREATE OR REPLACE VIEW financial_ratios AS
FROM ratios((SELECT list(DISTINCT symbol) FROM period_publications), NULL, NULL);
