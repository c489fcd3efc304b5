{{head}}
CREATE OR REPLACE VIEW instruments AS
SELECT symbol, {{major_currency}} AS currency, {{units_per_major}} AS quoted_units, nullif(shares_per_receipt, 0) AS shares_per_receipt,
       CASE WHEN is_adr AND nullif(shares_per_receipt, 0) IS NULL THEN 'receipt_ratio_unknown' END AS receipt_reason
FROM company_profiles;
