-- bar_incomplete: find bars without open, high or low
-- Grain: one row per symbol and day. Point in time: stored bars.
-- A symbol is skipped if fewer than half of its bars have them: its provider sends closes only.
SELECT symbol, date, close_price AS value,
       'no ' || concat_ws(', ', CASE WHEN open_price IS NULL THEN 'open' END, CASE WHEN high_price IS NULL THEN 'high' END,
                          CASE WHEN low_price IS NULL THEN 'low' END) AS detail
FROM price_data
QUALIFY (open_price IS NULL OR high_price IS NULL OR low_price IS NULL)
    AND 2 * count(low_price) OVER (PARTITION BY symbol) > count(*) OVER (PARTITION BY symbol)
