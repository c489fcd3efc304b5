-- financial_statements: the three statements in one form, all line items in `metrics` (JSON)
-- Grain: one row per symbol, statement type, fiscal period and version.
-- data_quality_score: 1 where the acceptance is known, 0.9 the filing date, 0.7 neither; times 0.5 for each rule of severity
-- error that the row breaks by itself, 0.8 for each warning (schema/quality_rules.csv).
CREATE OR REPLACE VIEW financial_statements AS
SELECT *, recorded_at AS created_at, recorded_at AS updated_at
FROM ({{statement_union}});
