-- bar_gap: find gaps without bars
-- Grain: one row per symbol and gap. `date` is the first missing day, `value` the number of missing days.
-- Expected days are the days on which most symbols traded. In a gap of more than five days, they also include all
-- weekdays but New York's holidays: a lake with few symbols has few market days.
{{missing_bars}}
SELECT symbol, min(date) AS date, count(*) AS value, 'until ' || max(date) AS detail
FROM missing
GROUP BY symbol, last_bar
