{{head}}
CREATE OR REPLACE FUNCTION factors(
    symbols ARRAY, dates ARRAY, age_limit INTEGER DEFAULT {{QUARTER_AGE_LIMIT_DAYS}}, vintage VARCHAR DEFAULT 'known'
)
RETURNS TABLE (
    symbol VARCHAR, date DATE, market_cap FLOAT,
    {{factor_types}},
    fiscal_date DATE, inputs_available_date DATE, age_days INTEGER, company_id VARCHAR, statement_provider VARCHAR,
    reasons VARCHAR, reason VARCHAR
)
AS
$$
WITH {{grid}},
{{cap_facts}},
{{factor_facts}},
inputs AS (SELECT * FROM ({{inputs_of_factors}}) AS answer)
{{factors_with_dates}}
$$;
