-- no_usable_count: find times in which contradictions leave a symbol without a share count
-- Grain: one row per symbol and reason. `date` is the first day, `value` the number of days up to the newest bar.
-- Point in time: the vintage known. The market caps of these days are NULL with this reason.
SELECT h.symbol, min(h.valid_from) AS date, sum(least(h.valid_to, b.last_bar + 1) - h.valid_from) AS value, h.reason AS detail
FROM share_count_history h JOIN (SELECT symbol, max(date) AS last_bar FROM price_data GROUP BY symbol) b ON b.symbol = h.symbol
WHERE h.of_vintage = 'known' AND h.reason IS NOT NULL AND h.valid_from <= b.last_bar
GROUP BY h.symbol, h.reason
