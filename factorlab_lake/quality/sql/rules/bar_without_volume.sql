-- bar_without_volume: find bars with zero volume
-- Grain: one row per symbol and day. Symbols that usually have no volume, such as indices, are skipped.
SELECT symbol, date, volume AS value, median_volume AS expected
FROM (SELECT *, median(volume) OVER (PARTITION BY symbol) AS median_volume FROM price_data)
WHERE volume = 0 AND median_volume > 0
