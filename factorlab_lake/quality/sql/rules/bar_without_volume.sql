-- bar_without_volume: bars with zero for a volume
-- Grain: one row per symbol and day. Symbols that usually have none, such as indices, are left alone.
SELECT symbol, date, volume AS value, median_volume AS expected
FROM (SELECT *, median(volume) OVER (PARTITION BY symbol) AS median_volume FROM price_data)
WHERE volume = 0 AND median_volume > 0
