-- facts of factor_inputs in the read index
-- Grain: one row per looked-up row: the answer of market_caps and the valid row of fundamentals_history.
SELECT *, COALESCE(company_id, shares_company_id) AS company_id,
       COALESCE(statement_provider, shares_statement_provider) AS statement_provider,
       income_date AS income_day, balance_sheet_date AS balance_sheet_day,
       income_years_available_date AS income_years_available_day,
       balance_sheet_years_available_date AS balance_sheet_years_available_day,
       cash_flow_available_date AS cash_flow_available_day, {{QUARTER_AGE_LIMIT_DAYS}} AS age_limit
FROM looked_up
