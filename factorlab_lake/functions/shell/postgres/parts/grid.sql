requested AS MATERIALIZED (
    SELECT s.symbol, d.date, d.date - {{EPOCH}} AS day
    FROM (SELECT DISTINCT symbol FROM unnest(symbols) AS symbol) s
    CROSS JOIN (SELECT DISTINCT date FROM unnest(dates) AS date) d
)
