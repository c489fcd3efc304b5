{{head}}
CREATE OR REPLACE FUNCTION market_caps(
    symbols text[], dates date[], price_age_limit integer DEFAULT {{PRICE_AGE_LIMIT_DAYS}}, shares_age_limit integer DEFAULT {{QUARTER_AGE_LIMIT_DAYS}},
    vintage text DEFAULT 'known'
) RETURNS TABLE (
    symbol text, date date, market_cap double precision, currency text, close_price double precision, price_date date,
    shares_outstanding double precision, shares_source text, split_factor double precision, split_evidence text, shares_fiscal_date date,
    shares_available_date date, price_age_days integer, shares_age_days integer, multi_class boolean,
    company_id text, statement_provider text, reason text
)
{{planned}}
BEGIN ATOMIC
WITH {{grid}},
{{cap_facts}},
facts AS (SELECT * FROM cap_facts)
SELECT * FROM ({{market_caps}}) AS answer;
END;
