-- split_retracted: list splits that a newer list of their source no longer has
-- Grain: one row per symbol, day and event. A retracted split does not count.
SELECT symbol, date, ratio AS value, source || ' no longer lists it' AS detail
FROM split_events
WHERE status = 'retracted'
