-- stale_bars: five or more days in a row with the same prices
-- Grain: one row per symbol and run; `date` is its first day, `value` its length.
WITH marked AS (
    SELECT symbol, date, close_price,
           (open_price, high_price, low_price, close_price)
           IS DISTINCT FROM lag((open_price, high_price, low_price, close_price)) OVER days AS moved
    FROM price_data
    WINDOW days AS (PARTITION BY symbol ORDER BY date)
),
runs AS (
    SELECT *, count(*) FILTER (moved) OVER (PARTITION BY symbol ORDER BY date) AS run FROM marked
)
SELECT symbol, min(date) AS date, count(*) AS value, 'the same bar until ' || max(date) AS detail
FROM runs
GROUP BY symbol, run
HAVING count(*) >= 5
