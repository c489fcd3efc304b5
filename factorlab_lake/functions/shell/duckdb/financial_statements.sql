-- financial_statements: return the three statements in one form, with all line items in `metrics` (JSON)
-- Grain: one row per symbol, statement type, fiscal period and version.
-- Rules:
-- - data_quality_score starts at 1 where the acceptance is known, at 0.9 with a filing date, else at 0.7.
-- - The score is multiplied by 0.5 for each row rule of severity error that the row breaks, and by 0.8 for each warning.
-- - schema/quality_rules.csv has the row rules.
CREATE OR REPLACE VIEW financial_statements AS
SELECT *, {{stored_at}}
FROM ({{statement_union}});
