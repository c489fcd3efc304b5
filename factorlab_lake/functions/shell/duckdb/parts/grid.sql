requested AS MATERIALIZED (
    SELECT symbol, date, (date - DATE '1970-01-01')::INTEGER AS day, year(date) AS in_year
    FROM (SELECT DISTINCT unnest(symbols) AS symbol), (SELECT DISTINCT unnest(dates)::DATE AS date)
)
