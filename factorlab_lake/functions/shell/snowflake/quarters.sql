{{head}}
CREATE OR REPLACE FUNCTION quarters(symbols ARRAY, as_of DATE, vintage VARCHAR DEFAULT 'known')
RETURNS TABLE (
    symbol VARCHAR, fiscal_date DATE, derivation VARCHAR, cash_flow_derivation VARCHAR, reported_currency VARCHAR,
    inputs_available_date DATE,
    {{flow_types}},
    company_id VARCHAR, statement_provider VARCHAR, reason VARCHAR
)
AS
$$
SELECT symbol, fiscal_date, derivation, cash_flow_derivation, reported_currency, inputs_available_date,
       {{flow_names}},
       company_id, statement_provider, reason
FROM quarter_history
WHERE symbol IN (SELECT e.value::VARCHAR FROM TABLE(FLATTEN(INPUT => {{arg_symbols}})) AS e)
  AND (of_vintage = {{arg_vintage}} OR NOT restated)
  AND valid_from <= {{arg_as_of}} AND valid_to > {{arg_as_of}}
ORDER BY symbol, fiscal_date
$$;
