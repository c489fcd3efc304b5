-- date_without_time: find acceptance times that are dates without a time
-- Grain: one row per symbol. `date` is the newest such row, `value` their number, `expected` that of all rows with an
-- acceptance. Midnight and the last second of the day stand for a date without a time.
-- Point in time: such a row counts from the next day, because it may have been accepted after the close.
SELECT symbol, max({{date}}) FILTER (is_date) AS date, count(*) FILTER (is_date) AS value, count(*) AS expected,
       'accepted on a day, but the time is unknown' AS detail
FROM (
    SELECT *, strftime(timezone('America/New_York', accepted_at), '%H:%M:%S') IN ('00:00:00', '23:59:59') AS is_date
    FROM {{table}} WHERE accepted_at IS NOT NULL
)
GROUP BY symbol
HAVING count(*) FILTER (is_date) > 0
