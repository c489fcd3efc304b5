-- stale_bars: find five or more days in a row with the same prices
-- Grain: one row per symbol and run. `date` is its first day, `value` its length.
WITH marked AS (
    SELECT symbol, date,
           coalesce(close_price = lag(close_price) OVER days AND open_price IS NOT DISTINCT FROM lag(open_price) OVER days
                    AND high_price IS NOT DISTINCT FROM lag(high_price) OVER days
                    AND low_price IS NOT DISTINCT FROM lag(low_price) OVER days, false) AS same,
           row_number() OVER days AS place
    FROM price_data
    WINDOW days AS (PARTITION BY symbol ORDER BY date)
),
runs AS (
    SELECT symbol, date, place - row_number() OVER (PARTITION BY symbol ORDER BY date) AS run FROM marked WHERE same
)
SELECT r.symbol, (SELECT max(date) FROM price_data b WHERE b.symbol = r.symbol AND b.date < min(r.date)) AS date,
       count(*) + 1 AS value, 'the same bar until ' || max(r.date) AS detail
FROM runs r
GROUP BY r.symbol, r.run
HAVING count(*) >= {{MIN_REPEATED_BARS}}
