{{head}}
CREATE OR REPLACE FUNCTION market_caps(
    symbols ARRAY, dates ARRAY, price_age_limit INTEGER DEFAULT {{PRICE_AGE_LIMIT_DAYS}}, shares_age_limit INTEGER DEFAULT {{QUARTER_AGE_LIMIT_DAYS}},
    vintage VARCHAR DEFAULT 'known'
)
RETURNS TABLE (
    symbol VARCHAR, date DATE, market_cap FLOAT, currency VARCHAR, close_price FLOAT, price_date DATE,
    shares_outstanding FLOAT, shares_source VARCHAR, split_factor FLOAT, split_evidence VARCHAR, shares_fiscal_date DATE,
    shares_available_date DATE, price_age_days INTEGER, shares_age_days INTEGER, multi_class BOOLEAN,
    company_id VARCHAR, statement_provider VARCHAR, reason VARCHAR
)
AS
$$
WITH {{grid}},
{{cap_facts}},
facts AS (SELECT * FROM cap_facts)
SELECT * FROM ({{market_caps}}) AS answer
$$;
