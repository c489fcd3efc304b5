-- distribution_told_as_split: list splits that change prices but not the number of shares
-- Grain: one row per symbol, day and event. The counts around it show a distribution, such as a spin-off; it adjusts prices alone.
SELECT e.symbol, e.date, e.ratio AS value, 'the number of shares does not change' AS detail
FROM split_events e
WHERE e.status = 'applied' AND e.prices_from IS NOT NULL AND e.shares_from IS NULL
  AND NOT EXISTS (SELECT 1 FROM splits s WHERE s.symbol = e.symbol AND s.date = e.date AND s.event = e.event AND s.kind = 'spin_off')
