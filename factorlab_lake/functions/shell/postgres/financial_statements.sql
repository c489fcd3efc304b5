-- financial_statements: return all versions of all statements in one form, with the line items as JSON in `metrics`
-- Grain: one row per statement type, symbol, fiscal period and version.
CREATE OR REPLACE VIEW financial_statements AS
SELECT s.*, recorded_at AS created_at, recorded_at AS updated_at
FROM (
{{statement_union}}
) AS s;
