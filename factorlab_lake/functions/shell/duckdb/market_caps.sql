-- market_caps(symbols, dates, price_age_limit := {{PRICE_AGE_LIMIT_DAYS}}, shares_age_limit := {{QUARTER_AGE_LIMIT_DAYS}}, vintage := 'known'): return market capitalisations
-- Grain: one row per requested symbol and date, also where the answer is NULL; `reason` gives the cause.
-- Parameters:
-- - price_age_limit: calendar days that the price may be older than the date.
-- - shares_age_limit: days after which a quarter's share count is stale; a year's gets {{FISCAL_YEAR_EXTRA_AGE_DAYS}} more.
-- - vintage: the version of the share counts (see checked_vintage).
-- Point in time: no bar after the date, no count before its available_date.
-- Rules:
-- - market_cap = close_price x shares_outstanding x split_factor, in the currency of the quote.
-- - The price is the last bar on or before the date, on its own split basis.
-- - The share count is that of shares_as_of.
-- - split_factor converts the share count to the split basis of the price.
CREATE OR REPLACE MACRO market_caps(symbols, dates, price_age_limit := {{PRICE_AGE_LIMIT_DAYS}}, shares_age_limit := {{QUARTER_AGE_LIMIT_DAYS}}, vintage := 'known') AS TABLE
WITH facts AS (
    SELECT *, date - fiscal_date AS shares_age_days,
           CASE WHEN close IS NULL THEN 'no_price_within_limit' END AS price_reason,
           CASE WHEN NOT has_count THEN 'no_share_count_known'
                WHEN shares IS NULL THEN 'shares_reported_as_zero_or_missing'
                WHEN date - fiscal_date > shares_age_limit + period_days - {{QUARTER_DAYS}} THEN 'share_count_stale'
           END AS shares_reason
    FROM cap_inputs(symbols, dates, price_age_limit := price_age_limit, vintage := vintage)
)
SELECT symbol, date, price_date, unrounded_close(close, splits_since) AS close_price, shares AS shares_outstanding,
       CASE WHEN price_reason IS NULL AND shares_reason IS NULL
            THEN unrounded_close(close, splits_since) * shares * factor END AS market_cap,
       source AS shares_source, fiscal_date AS shares_fiscal_date, available_date AS shares_available_date,
       CASE WHEN close IS NOT NULL AND shares IS NOT NULL THEN factor END AS split_factor,
       date - price_date AS price_age_days, shares_age_days,
       CASE WHEN price_reason IS NULL THEN shares_reason
            WHEN shares_reason IS NULL THEN price_reason
            ELSE price_reason || '; ' || shares_reason END AS reason,
       multi_class
FROM facts;
