{{head}}
CREATE OR REPLACE FUNCTION factors(
    symbols text[], dates date[], age_limit integer DEFAULT {{QUARTER_AGE_LIMIT_DAYS}}, vintage text DEFAULT 'known'
) RETURNS TABLE (
    symbol text, date date, market_cap double precision,
    {{factor_types}},
    fiscal_date date, inputs_available_date date, age_days integer, company_id text, statement_provider text,
    reasons text, reason text
)
{{planned}}
BEGIN ATOMIC
WITH {{grid}},
{{cap_facts}},
{{factor_facts}},
inputs AS (SELECT * FROM ({{inputs_of_factors}}) AS answer {{fence}})
{{factors_with_dates}};
END;
