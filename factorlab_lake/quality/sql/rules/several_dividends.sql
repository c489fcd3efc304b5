-- several_dividends: find days on which a symbol has more than one dividend
-- Grain: one row per symbol and day. `value` is their sum. All of them count; the same dividend told twice would count twice.
-- A retracted dividend does not count. On a day with a file's dividends only these count, else only those of the newest list.
WITH ranked AS (
    SELECT symbol, date, dividend,
           rank() OVER (PARTITION BY symbol, date ORDER BY CASE WHEN source_provider = 'file' THEN 0 ELSE 1 END,
                                                           newest DESC, source_provider DESC) AS place
    FROM (SELECT symbol, date, dividend, source_provider,
                 max(fetched_at) OVER (PARTITION BY symbol, date, source_provider) AS newest
          FROM dividends WHERE retracted_at IS NULL) told
)
SELECT symbol, date, sum(dividend) AS value, count(*) || ' dividends: ' || string_agg(dividend, ', ' ORDER BY dividend) AS detail
FROM ranked
WHERE place = 1
GROUP BY symbol, date
HAVING count(*) > 1
