-- financial_ratios: return the ratios of all symbols, as of the day on which each period became available
-- Grain: one row per symbol and fiscal period end; columns and rules as in ratios.
-- Columns:
-- - source_provider: provider of the statements.
-- - created_at, updated_at: times at which this lake first and last stored an income statement or balance sheet of the period.
-- Rules:
-- - A condition that the symbol equals a text reaches each table, so the ratios of that symbol alone are computed. DuckDB passes no
--   condition into a materialized query, nor into the argument of a function: this is the text of ratios with neither.
CREATE OR REPLACE VIEW financial_ratios AS
WITH published AS NOT MATERIALIZED (SELECT * FROM period_publications),
requested AS NOT MATERIALIZED (
    SELECT symbol, date, (date - {{EPOCH}})::INTEGER AS day, year(date) AS in_year
    FROM (SELECT DISTINCT symbol, published_on AS date FROM published)
),
{{periods}},
ratios_of_periods AS (WITH {{ratios}})
SELECT r.*, r.statement_provider AS source_provider, s.created_at, s.updated_at
FROM ratios_of_periods r
LEFT JOIN ({{stored_periods}}) s ON s.symbol = r.symbol AND s.period_end = r.fiscal_date;
