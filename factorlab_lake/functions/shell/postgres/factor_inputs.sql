{{head}}
CREATE OR REPLACE FUNCTION factor_inputs(
    symbols text[], dates date[], age_limit integer DEFAULT {{QUARTER_AGE_LIMIT_DAYS}}, vintage text DEFAULT 'known'
) RETURNS TABLE (
    symbol text, date date, market_cap double precision, company_market_cap double precision, currency text, income_currency text,
    income_year_before_currency text, balance_sheet_currency text, balance_sheet_year_before_currency text,
    fiscal_date date, age_days integer, company_id text, statement_provider text, market_cap_reason text,
    company_market_cap_reason text, income_reason text, cash_flow_reason text, balance_sheet_reason text, income_year_before_reason text,
    balance_sheet_year_before_reason text, inputs_available_date date,
    {{input_types}}
)
{{planned}}
BEGIN ATOMIC
WITH {{grid}},
{{cap_facts}},
{{factor_facts}}
{{factor_inputs_with_dates}};
END;
