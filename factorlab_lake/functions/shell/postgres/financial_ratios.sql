{{head}}
CREATE OR REPLACE VIEW financial_ratios AS
SELECT * FROM ratios((SELECT array_agg(DISTINCT symbol) FROM period_publications), NULL, NULL);
