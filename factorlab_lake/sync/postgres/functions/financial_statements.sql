-- financial_statements: the three statements in one form, all line items in `metrics` (JSON)
-- Grain: one row per symbol, statement type, fiscal period and version.
-- data_quality_score says how well the time of publication is known: 1 accepted, 0.9 filing date, 0.7 estimated.
CREATE VIEW financial_statements AS
SELECT s.*,
       CASE availability_basis WHEN 'accepted' THEN 1.0 WHEN 'filing_date' THEN 0.9 ELSE 0.7 END::double precision
           AS data_quality_score,
       recorded_at AS created_at, recorded_at AS updated_at
FROM ({{statement_union}}) s;
