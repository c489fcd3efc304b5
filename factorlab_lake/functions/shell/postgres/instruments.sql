{{head}}
CREATE OR REPLACE VIEW instruments AS
WITH contents AS (
    SELECT symbol, valid_from, currency, is_adr, nullif(shares_per_receipt, 0) AS shares_per_receipt FROM profile_history
    UNION ALL
    SELECT symbol, {{BEGINNING_OF_TIME}}, currency, is_adr, nullif(shares_per_receipt, 0)
    FROM company_profiles WHERE symbol NOT IN (SELECT symbol FROM profile_history)
)
SELECT symbol, CASE WHEN row_number() OVER by_day = 1 THEN {{BEGINNING_OF_TIME}} ELSE valid_from END AS valid_from,
       coalesce(lead(valid_from) OVER by_day, {{END_OF_TIME}}) AS valid_to,
       {{major_currency}} AS currency, {{units_per_major}} AS quoted_units, shares_per_receipt,
       CASE WHEN is_adr AND shares_per_receipt IS NULL THEN 'receipt_ratio_unknown' END AS receipt_reason
FROM contents WINDOW by_day AS (PARTITION BY symbol ORDER BY valid_from);
