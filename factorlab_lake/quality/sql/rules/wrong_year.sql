-- wrong_year: find rows whose year contradicts their date
-- Grain: one row per symbol and date. A question about the days of one year does not open the rows of another.
SELECT symbol, {{date}} AS date, year AS value, year({{date}}) AS expected FROM {{table}} WHERE year <> year({{date}})
