-- facts of market_caps in the read index
-- Grain: one row per looked-up row: the last bar and the valid row of share_count_history.
-- Columns:
-- - age: days since the last bar; NULL without a recent one. level: cumulative split factor on that bar's basis.
SELECT *, close / quoted_units AS quoted_close, day - age AS price_day, day - age AS price_date,
       cumulative_split_factor / NULLIF(level, 0) AS split_factor,
       source AS shares_source, fiscal_date AS shares_fiscal_date, fiscal_date AS shares_fiscal_day,
       available_date AS shares_available_date, reason AS count_reason, {{QUARTER_AGE_LIMIT_DAYS}} AS shares_age_limit
FROM looked_up
