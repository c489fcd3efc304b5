{{head}}
-- It looks bars up by a join over ranges, and not by ASOF JOIN as the functions do.
CREATE OR REPLACE VIEW financial_ratios AS
WITH ratios_of_periods AS (
WITH published AS (SELECT * FROM period_publications),
{{ratios_of_published}}
)
SELECT r.*, r.statement_provider AS source_provider, s.created_at, s.updated_at
FROM ratios_of_periods AS r
LEFT JOIN (
    SELECT symbol, period_end, MIN(recorded_at) AS created_at, MAX(recorded_at) AS updated_at
    FROM (
        SELECT symbol, COALESCE(period_end, fiscal_date) AS period_end, recorded_at FROM income_statements
        UNION ALL
        SELECT symbol, COALESCE(period_end, fiscal_date), recorded_at FROM balance_sheets
    ) AS t
    GROUP BY symbol, period_end
) AS s ON s.symbol = r.symbol AND s.period_end = r.fiscal_date;
