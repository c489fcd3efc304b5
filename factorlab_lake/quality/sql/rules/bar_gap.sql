-- bar_gap: days without bars
-- Grain: one row per symbol and gap; `date` is the first day missed, `value` how many are. Expected are the days on
-- which most symbols traded, and weekdays in any break of more than five days, where there are few symbols.
{{missing_bars}}
SELECT symbol, min(date) AS date, count(*) AS value, 'until ' || max(date) AS detail
FROM missing
GROUP BY symbol, last_bar
