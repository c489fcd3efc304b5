requested AS (
    SELECT s.symbol, d.date, datediff(d.date, {{EPOCH}}) AS day
    FROM (SELECT DISTINCT symbol FROM requested_symbols) s CROSS JOIN (SELECT DISTINCT date FROM requested_dates) d
)
