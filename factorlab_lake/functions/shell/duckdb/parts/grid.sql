requested AS MATERIALIZED (
    SELECT symbol, date, (date - {{EPOCH}})::INTEGER AS day, year(date) AS in_year
    FROM (SELECT DISTINCT unnest(symbols) AS symbol), (SELECT DISTINCT unnest(dates)::DATE AS date)
)
