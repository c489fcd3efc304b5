-- fetched_in_future: find rows whose fetch is later than the moment at which the lake stored them, or than the present
-- time: the computer's clock was ahead then.
-- Grain: one row per symbol. `date` is the newest such row, `value` their number. No later fetch replaces such a row before
-- the claimed time.
SELECT symbol, max({{date}}) AS date, count(*) AS value, 'fetched at ' || strftime(max(fetched_at), '%Y-%m-%d %H:%M') || ' UTC' AS detail
FROM {{table}}
WHERE fetched_at > recorded_at + to_seconds({{MAX_CLOCK_ERROR_S}})
    OR greatest(fetched_at, recorded_at) > now() + to_seconds({{MAX_CLOCK_ERROR_S}})
GROUP BY symbol
