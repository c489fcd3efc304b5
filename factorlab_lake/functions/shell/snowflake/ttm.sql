{{head}}
CREATE OR REPLACE FUNCTION ttm(
    symbols ARRAY, dates ARRAY, age_limit INTEGER DEFAULT {{QUARTER_AGE_LIMIT_DAYS}}, vintage VARCHAR DEFAULT 'known'
)
RETURNS TABLE (
    symbol VARCHAR, date DATE, fiscal_date DATE, basis VARCHAR, derivation VARCHAR, reported_currency VARCHAR,
    inputs_available_date DATE, age_days INTEGER,
    {{flow_types}},
    company_id VARCHAR, statement_provider VARCHAR, reason VARCHAR
)
AS
$$
WITH {{grid}},
{{intervals}},
facts AS (
    SELECT r.symbol, r.date, r.day, {{arg_age_limit}} AS age_limit, i.income_date - {{EPOCH}} AS income_day,
           i.company_id, i.statement_provider, {{fundamentals_columns}}
    FROM requested AS r LEFT JOIN intervals AS i ON i.symbol = r.symbol AND i.of_date = r.date
)
SELECT * FROM ({{ttm}}) AS answer
$$;
