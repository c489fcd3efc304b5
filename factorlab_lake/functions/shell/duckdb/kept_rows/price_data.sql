-- kept_rows.price_data_source: return closes as the row cache stores them, with the factor of later splits
-- Grain: one row per symbol and trading day; a symbol without a split has factors of 1.
-- - splits_since: the product of the splits between the day and the bar's split basis.
-- - cumulative_split_factor: that of split_factors on this basis.
CREATE OR REPLACE VIEW kept_rows.price_data_source AS
SELECT p.symbol, p.date, p.close_price, p.split_basis_date, coalesce(t.cumulative_split_factor / b.cumulative_split_factor, 1) AS splits_since,
       coalesce(b.cumulative_split_factor, 1) AS cumulative_split_factor
FROM main.price_data p
LEFT JOIN main.split_factors t ON t.symbol = p.symbol AND p.date >= t.from_date AND p.date < t.to_date
LEFT JOIN main.split_factors b
  ON b.symbol = p.symbol AND coalesce(p.split_basis_date, {{LAST_DAY}}) >= b.from_date
 AND coalesce(p.split_basis_date, {{LAST_DAY}}) < b.to_date;

-- kept_rows.price_data: store the rows of the symbols requested so far
CREATE OR REPLACE TABLE kept_rows.price_data AS FROM kept_rows.price_data_source LIMIT 0;

-- few_cells.cap_inputs(symbols, dates, price_age_limit := {{PRICE_AGE_LIMIT_DAYS}}, vintage := 'known'): return cap_inputs for small grids
-- Grain, point in time and vintage: as cap_inputs. It searches all days within the limit at once. Most of the time of a
-- small question is planning, and this plan has half the operators.
CREATE OR REPLACE MACRO few_cells.cap_inputs(symbols, dates, price_age_limit := {{PRICE_AGE_LIMIT_DAYS}}, vintage := 'known') AS TABLE
WITH cells AS (
    SELECT c.symbol, c.date, max(p.date) AS price_date, arg_max(p.close_price, p.date) AS close,
           coalesce(arg_max(p.splits_since, p.date), 1) AS splits_since, coalesce(arg_max(p.cumulative_split_factor, p.date), 1) AS cumulative_split_factor
    FROM (SELECT symbol, date, date - back::INTEGER AS day
          FROM (SELECT DISTINCT unnest(symbols) AS symbol), (SELECT DISTINCT unnest(dates)::DATE AS date),
               range(price_age_limit + 1) AS r(back)) c
    LEFT JOIN kept_rows.price_data p ON p.symbol = c.symbol AND p.date = c.day
    GROUP BY c.symbol, c.date
)
SELECT c.symbol, c.date, c.symbol IN (SELECT symbol FROM multi_class_symbols) AS multi_class, c.price_date, c.close,
       c.splits_since, s.symbol IS NOT NULL AS has_count, s.shares, s.source, s.fiscal_date, s.available_date,
       s.period_days, s.cumulative_split_factor / c.cumulative_split_factor AS factor
FROM cells c
LEFT JOIN (FROM share_count_validity WHERE of_vintage = checked_vintage(vintage) OR NOT restated) s
  ON s.symbol = c.symbol AND c.date >= s.valid_from AND c.date < s.valid_to;
