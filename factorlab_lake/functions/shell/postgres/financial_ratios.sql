{{head}}
-- A condition on the symbol reaches the key of period_publications, and the function computes the ratios of its symbols alone.
CREATE OR REPLACE VIEW financial_ratios AS
SELECT p.symbol, f.fiscal_date, f.date, f.accepted_date, f.market_cap, f.shares_outstanding,
       {{factor_columns}},
       f.inputs_available_date, f.age_days, f.company_id, f.statement_provider, f.reasons, f.reason,
       f.statement_provider AS source_provider, s.created_at, s.updated_at
FROM (SELECT DISTINCT symbol FROM period_publications) p
CROSS JOIN LATERAL ratios(ARRAY[p.symbol], NULL, NULL) f
LEFT JOIN ({{stored_periods}}) s ON s.symbol = p.symbol AND s.period_end = f.fiscal_date;
