{{head}}
CREATE OR REPLACE FUNCTION ratios(symbols ARRAY, start_date DATE, end_date DATE)
RETURNS TABLE (
    symbol VARCHAR, fiscal_date DATE, date DATE, accepted_date DATE, market_cap FLOAT, shares_outstanding FLOAT,
    {{factor_types}},
    inputs_available_date DATE, age_days INTEGER, company_id VARCHAR, statement_provider VARCHAR, reasons VARCHAR, reason VARCHAR
)
AS
$$
WITH published AS (
    SELECT * FROM period_publications
    WHERE symbol IN (SELECT e.value::VARCHAR FROM TABLE(FLATTEN(INPUT => {{arg_symbols}})) AS e)
      AND fiscal_date BETWEEN COALESCE({{arg_start_date}}, {{BEGINNING_OF_TIME}}) AND COALESCE({{arg_end_date}}, {{END_OF_TIME}})
),
{{ratios_of_published}}
ORDER BY symbol, fiscal_date
$$;
