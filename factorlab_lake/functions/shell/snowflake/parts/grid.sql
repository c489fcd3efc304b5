requested AS (
    SELECT s.symbol, d.date, d.date - {{EPOCH}} AS day
    FROM (SELECT DISTINCT e.value::VARCHAR AS symbol FROM TABLE(FLATTEN(INPUT => {{arg_symbols}})) AS e) AS s
    CROSS JOIN (SELECT DISTINCT e.value::VARCHAR::DATE AS date FROM TABLE(FLATTEN(INPUT => {{arg_dates}})) AS e) AS d
)
