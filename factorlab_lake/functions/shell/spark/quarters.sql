SELECT symbol, fiscal_date, derivation, cash_flow_derivation, reported_currency, inputs_available_date,
       {{flow_names}},
       company_id, statement_provider, reason
FROM quarter_history
WHERE symbol IN (SELECT symbol FROM requested_symbols) AND bucket IN ({{buckets_of_quarter_history}})
  AND (of_vintage = {{vintage}} OR NOT restated)
  AND valid_from <= {{as_of}} AND valid_to > {{as_of}}
