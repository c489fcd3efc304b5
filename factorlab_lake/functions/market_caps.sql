-- market_caps: compute market capitalisations from the price, the share count and the splits of each row
-- Grain: one row per row of facts, also where the answer is NULL; `reason` gives the cause.
-- Rules:
-- - market_cap = close_price x shares_outstanding x split_factor / shares_per_receipt, in the currency of the quote.
-- - close_price is the quoted close in the main unit of its currency: 2.10 GBP for 210 pence. In an unknown unit it is NULL.
-- - split_factor converts the share count to the split basis of the price. On one basis an unknown split does not matter.
-- - split_evidence says how the splits between the bases of price and count are known; docs/concepts/splits.md has its values.
-- - count_reason is the cause for which no count is usable at the date, whatever the price.
-- - A count is stale shares_age_limit days after the day counted; a company that reports half-yearly or yearly has extra_age_days
--   more.
WITH bases AS (
    SELECT *, CASE WHEN split_factor IS NULL AND shares_basis_day = price_basis_day THEN 1 ELSE split_factor END AS known_factor,
           CASE WHEN price_basis_day < same_from_day OR price_basis_day >= same_to_day THEN 'inferred'
                WHEN shares_basis_day <= told_day AND price_basis_day <= told_day THEN 'told'
                WHEN shares_basis_day = price_basis_day THEN 'observed'
                ELSE 'assumed' END AS evidence
    FROM facts
),
reasons AS (
    SELECT *, day - price_day AS price_age_days, day - shares_fiscal_day AS shares_age_days,
           CASE WHEN quote_reason IS NULL THEN quoted_close END AS close_price,
           CASE WHEN quoted_close IS NULL THEN 'no_price_within_limit' ELSE quote_reason END AS price_reason,
           CASE WHEN count_reason IS NOT NULL THEN count_reason
                WHEN shares_source IS NULL THEN 'no_share_count_known'
                WHEN shares IS NULL THEN 'shares_reported_as_zero_or_missing'
                WHEN quoted_close IS NOT NULL AND known_factor IS NULL THEN 'split_unknown'
                WHEN day - shares_fiscal_day > shares_age_limit + extra_age_days THEN 'share_count_stale'
           END AS shares_reason
    FROM bases
)
SELECT symbol, date,
       CASE WHEN price_reason IS NULL AND shares_reason IS NULL AND receipt_reason IS NULL
            THEN close_price * shares * known_factor / NULLIF(COALESCE(shares_per_receipt, 1), 0) END AS market_cap,
       currency, close_price, price_date, shares AS shares_outstanding, shares_source,
       CASE WHEN close_price IS NOT NULL AND shares IS NOT NULL THEN known_factor END AS split_factor,
       CASE WHEN close_price IS NOT NULL AND shares IS NOT NULL AND known_factor IS NOT NULL THEN evidence END AS split_evidence,
       shares_fiscal_date, shares_available_date, price_age_days, shares_age_days, multi_class, company_id, statement_provider,
       CASE WHEN price_reason IS NULL AND receipt_reason IS NULL THEN shares_reason
            WHEN shares_reason IS NULL AND receipt_reason IS NULL THEN price_reason
            ELSE SUBSTR(COALESCE('; ' || price_reason, '') || COALESCE('; ' || shares_reason, '')
                        || COALESCE('; ' || receipt_reason, ''), 3) END AS reason
FROM reasons
