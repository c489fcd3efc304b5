-- ratios(symbols, start_date, end_date): return the factors of each fiscal period on the day on which it became available
-- Grain: one row per symbol and fiscal period end with a known income statement or balance sheet.
-- Parameters:
-- - start_date, end_date: limits of the period end, both included; NULL sets no limit.
-- Point in time: as factors. Facts that become known later change no row, but for the NULL of an enterprise value where
-- another class of shares becomes known.
-- Columns:
-- - date: the first day at whose close both statements were available, or the only one there is.
-- - accepted_date: that of the later of the two statements.
-- - shares_outstanding: the count of shares_as_of.
-- - The other columns are those of factors on that day.
-- Rules:
-- - functions/ratios.sql says when the ratios of a period are NULL.
CREATE OR REPLACE MACRO ratios(symbols, start_date, end_date) AS TABLE
WITH published AS (
    SELECT *
    FROM period_publications
    WHERE symbol IN (SELECT unnest(symbols))
      AND fiscal_date BETWEEN coalesce(start_date::DATE, {{BEGINNING_OF_TIME}}) AND coalesce(end_date::DATE, {{END_OF_TIME}})
),
requested AS MATERIALIZED (
    SELECT symbol, date, (date - {{EPOCH}})::INTEGER AS day, year(date) AS in_year
    FROM (SELECT DISTINCT symbol, published_on AS date FROM published)
),
{{periods}},
{{ratios}}
ORDER BY symbol, fiscal_date;
