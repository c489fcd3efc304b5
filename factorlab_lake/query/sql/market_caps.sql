-- market_caps(symbols, dates, price_age_limit := 10, shares_age_limit := 200)
-- Grain: one row per requested symbol and date, also where the answer is NULL; `reason` then says why.
-- market_cap = close_price x shares_outstanding x split_factor, in the currency the symbol is quoted in.
-- Price: the last bar on or before the date, at most price_age_limit calendar days old, on its own split basis.
-- Shares: shares_as_of; older than shares_age_limit days for a quarter's count (274 more for a year's) is stale.
-- split_factor brings the share count to the split basis of the price.
-- Point in time: no bar after the date, no count before its available_date.
CREATE OR REPLACE MACRO market_caps(symbols, dates, price_age_limit := 10, shares_age_limit := 200) AS TABLE
WITH wanted AS (SELECT DISTINCT unnest(symbols) AS symbol),
days AS (SELECT DISTINCT unnest(dates)::DATE AS date),
candidates AS (SELECT date, date - back::INTEGER AS day FROM days, range(0, price_age_limit + 1) AS r(back)),
prices AS (
    SELECT p.symbol, c.date, max(p.date) AS price_date,
           arg_max({'close': p.close_price, 'basis': p.split_basis_date}, p.date) AS bar
    FROM price_data p JOIN candidates c ON p.date = c.day
    WHERE p.symbol IN (SELECT symbol FROM wanted)
    GROUP BY p.symbol, c.date
),
facts AS (
    SELECT w.symbol, d.date, p.price_date, p.bar.close AS close, p.bar.basis AS price_basis,
           s.* EXCLUDE (symbol, date),
           s.shares_age_days <= shares_age_limit + s.period_days - 91 AS shares_fresh,
           coalesce(traded.level, 1) / coalesce(priced.level, 1) AS splits_since,
           coalesce(counted.level, 1) / coalesce(priced.level, 1) AS factor
    FROM wanted w CROSS JOIN days d
    LEFT JOIN prices p ON p.symbol = w.symbol AND p.date = d.date
    LEFT JOIN shares_as_of(symbols, dates) s ON s.symbol = w.symbol AND s.date = d.date
    LEFT JOIN split_levels traded
      ON traded.symbol = w.symbol AND p.price_date >= traded.from_date AND p.price_date < traded.to_date
    LEFT JOIN split_levels priced
      ON priced.symbol = w.symbol AND p.bar.basis >= priced.from_date AND p.bar.basis < priced.to_date
    LEFT JOIN split_levels counted
      ON counted.symbol = w.symbol AND s.split_basis_date >= counted.from_date AND s.split_basis_date < counted.to_date
),
priced AS (
    SELECT f.*, unrounded_close(f.close, f.splits_since) AS exact_close,
           CASE WHEN f.close IS NULL THEN 'no_price_within_limit' END AS price_reason,
           CASE WHEN f.shares_source IS NULL THEN 'no_share_count_known'
                WHEN f.shares_outstanding IS NULL THEN 'shares_reported_as_zero_or_missing'
                WHEN NOT f.shares_fresh THEN 'share_count_stale' END AS shares_reason
    FROM facts f
)
SELECT symbol, date, price_date, exact_close AS close_price, shares_outstanding,
       CASE WHEN price_reason IS NULL AND shares_reason IS NULL
            THEN exact_close * shares_outstanding * factor END AS market_cap,
       shares_source, shares_fiscal_date, shares_available_date,
       CASE WHEN close IS NOT NULL AND shares_outstanding IS NOT NULL THEN factor END AS split_factor,
       date - price_date AS price_age_days, shares_age_days,
       nullif(concat_ws('; ', price_reason, shares_reason), '') AS reason,
       symbol IN (SELECT symbol FROM multi_class_symbols) AS multi_class
FROM priced
ORDER BY symbol, date;
