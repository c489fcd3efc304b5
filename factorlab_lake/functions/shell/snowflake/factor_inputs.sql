{{head}}
CREATE OR REPLACE FUNCTION factor_inputs(
    symbols ARRAY, dates ARRAY, age_limit INTEGER DEFAULT {{QUARTER_AGE_LIMIT_DAYS}}, vintage VARCHAR DEFAULT 'known'
)
RETURNS TABLE (
    symbol VARCHAR, date DATE, market_cap FLOAT, company_market_cap FLOAT, currency VARCHAR, income_currency VARCHAR,
    income_year_before_currency VARCHAR, balance_sheet_currency VARCHAR, balance_sheet_year_before_currency VARCHAR,
    fiscal_date DATE, age_days INTEGER, company_id VARCHAR, statement_provider VARCHAR, market_cap_reason VARCHAR,
    company_market_cap_reason VARCHAR, income_reason VARCHAR, cash_flow_reason VARCHAR, balance_sheet_reason VARCHAR, income_year_before_reason VARCHAR,
    balance_sheet_year_before_reason VARCHAR, inputs_available_date DATE,
    {{input_types}}
)
AS
$$
WITH {{grid}},
{{cap_facts}},
{{factor_facts}}
{{factor_inputs_with_dates}}
$$;
