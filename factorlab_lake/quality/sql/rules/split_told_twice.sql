-- split_told_twice: find one split that is reported on two days, or by two sources
-- Grain: one row per symbol, day and event that does not count. `value` is its ratio; `detail` names the one that counts.
-- Rules:
-- - A file of prices that tells a split on the day of the one that counts confirms it.
SELECT e.symbol, e.date, e.ratio AS value, any_value(e.source) || '; the split of ' || min(o.date) || ' counts' AS detail
FROM split_events e JOIN split_events o ON o.symbol = e.symbol AND o.status IN ('applied', 'unproven', 'rejected')
    AND abs(o.date - e.date) <= {{SAME_SPLIT_DAYS}} AND abs(o.ratio / e.ratio - 1) < {{SPLIT_RATIO_TOLERANCE}}
WHERE e.status = 'duplicate' AND NOT (e.source = 'prices' AND o.date = e.date)
GROUP BY e.symbol, e.date, e.event, e.ratio
