-- facts of market_caps in the read index
-- Grain: one row per looked-up row: the last bar and the valid row of share_count_history.
-- Columns:
-- - age: days since the last bar; NULL without a recent one. basis: its split basis. level: the number of today's shares that
--   stand for one share of its price; 0 if it is unknown.
SELECT *, close / quoted_units AS quoted_close, day - age AS price_day, day - age AS price_date,
       cumulative_split_factor / NULLIF(level, 0) AS split_factor,
       split_basis_date AS shares_basis_day, basis AS price_basis_day, same_from AS same_from_day, same_to AS same_to_day,
       source AS shares_source, fiscal_date AS shares_fiscal_date, fiscal_date AS shares_fiscal_day,
       available_date AS shares_available_date, reason AS count_reason, {{QUARTER_AGE_LIMIT_DAYS}} AS shares_age_limit
FROM looked_up
