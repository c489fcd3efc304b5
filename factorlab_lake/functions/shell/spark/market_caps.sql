-- Sail tells the client the type of the first branch of a CASE, so split_factor is cast: an integer has no half.
WITH {{grid}},
{{cap_facts}},
facts AS (SELECT * FROM cap_facts)
SELECT symbol, date, market_cap, currency, close_price, price_date, shares_outstanding, shares_source,
       CAST(split_factor AS DOUBLE) AS split_factor, split_evidence, shares_fiscal_date, shares_available_date,
       price_age_days, shares_age_days, multi_class, company_id, statement_provider, reason
FROM ({{market_caps}}) AS answer
