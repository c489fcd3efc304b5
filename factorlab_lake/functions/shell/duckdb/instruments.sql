-- instruments: tell in which unit each symbol is quoted, and how many shares one unit of it stands for
-- Grain: one row per symbol with a profile.
-- Columns:
-- - currency: that of the main unit, such as GBP for quotes in pence. quoted_units: quoted units in one main unit.
-- - receipt_reason: why the number of shares of a depositary receipt is unknown.
CREATE OR REPLACE VIEW instruments AS
SELECT symbol, {{major_currency}} AS currency, {{units_per_major}} AS quoted_units, nullif(shares_per_receipt, 0) AS shares_per_receipt,
       CASE WHEN is_adr AND nullif(shares_per_receipt, 0) IS NULL THEN 'receipt_ratio_unknown' END AS receipt_reason
FROM company_profiles;
