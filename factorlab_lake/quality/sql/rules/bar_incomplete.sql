-- bar_incomplete: bars without an open, a high or a low
-- Grain: one row per symbol and day. Symbols of which fewer than half of the bars have them are left alone:
-- their provider gives closes only. Point in time: bars as held.
SELECT symbol, date, close_price AS value,
       'no ' || concat_ws(', ', CASE WHEN open_price IS NULL THEN 'open' END, CASE WHEN high_price IS NULL THEN 'high' END,
                          CASE WHEN low_price IS NULL THEN 'low' END) AS detail
FROM price_data
QUALIFY (open_price IS NULL OR high_price IS NULL OR low_price IS NULL)
    AND 2 * count(low_price) OVER (PARTITION BY symbol) > count(*) OVER (PARTITION BY symbol)
