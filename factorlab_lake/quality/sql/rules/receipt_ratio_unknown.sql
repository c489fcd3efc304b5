-- receipt_ratio_unknown: find depositary receipts without their number of shares
-- Grain: one row per symbol. The market caps of a receipt in company_profiles without shares_per_receipt are NULL.
SELECT DISTINCT symbol, NULL::DATE AS date, 'a receipt stands for an unknown number of shares' AS detail
FROM company_profiles WHERE symbol IN (SELECT symbol FROM instruments WHERE receipt_reason IS NOT NULL)
