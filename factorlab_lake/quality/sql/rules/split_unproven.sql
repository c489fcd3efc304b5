-- split_unproven: find splits of small ratio that no share count confirms
-- Grain: one row per symbol, day and event. Such a split changes prices at once, and share counts from the next count on: it may be
-- the distribution of a spin-off.
SELECT symbol, date, ratio AS value, 'changes share counts from ' || coalesce(shares_from::VARCHAR, 'the next count on') AS detail
FROM split_events
WHERE status = 'unproven'
