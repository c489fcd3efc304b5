requested AS MATERIALIZED (
    SELECT s.symbol, d.date, d.date - DATE '1970-01-01' AS day
    FROM (SELECT DISTINCT symbol FROM unnest(symbols) AS symbol) s
    CROSS JOIN (SELECT DISTINCT date FROM unnest(dates) AS date) d
)
