{{head}}
CREATE OR REPLACE FUNCTION quarters(symbols text[], as_of date, vintage text DEFAULT 'known')
RETURNS TABLE (
    symbol text, fiscal_date date, derivation text, cash_flow_derivation text, reported_currency text,
    inputs_available_date date,
    {{flow_types}},
    company_id text, statement_provider text, reason text
)
{{planned}}
BEGIN ATOMIC
SELECT symbol, fiscal_date, derivation, cash_flow_derivation, reported_currency, inputs_available_date,
       {{flow_names}},
       company_id, statement_provider, reason
FROM quarter_history
WHERE symbol = ANY (symbols) AND (of_vintage = checked_vintage(vintage) OR NOT restated)
  AND valid_from <= as_of AND valid_to > as_of
ORDER BY symbol COLLATE "C", fiscal_date;
END;
