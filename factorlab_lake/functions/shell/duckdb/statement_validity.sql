-- statement_validity(symbols, vintage := 'known', dates := NULL, types := NULL, days_back := NULL): return when each version of a statement is valid
-- Grain: one row per statement type, symbol, period end, length in months and version, with the interval [valid_from,
-- valid_to).
-- Parameters:
-- - vintage: see checked_vintage. With 'latest', available_date may lie after valid_from.
-- - dates: with it, versions that became available after the last of the dates are left out.
-- - types: statement types; NULL returns all.
-- - days_back: with it, periods are left out that ended more days before the newest one known on the first of the dates.
-- Point in time: with 'known' and 'first', no version before its available_date.
-- Rules:
-- - A later version (by acceptance, then fetch; see `version`) replaces an earlier one on the day it becomes available.
-- - Different labels of one period (Q3 filed again as Q4) are versions of it, in the order of their available_date.
CREATE OR REPLACE MACRO statement_validity(symbols, vintage := 'known', dates := NULL, types := NULL, days_back := NULL) AS TABLE
WITH newest AS (
    SELECT statement_type, symbol, max(fiscal_date) AS end_date
    FROM statement_periods
    WHERE symbol IN (SELECT unnest(symbols)) AND (types IS NULL OR list_contains(types, statement_type))
      AND available_date <= list_min(dates::DATE[])
    GROUP BY statement_type, symbol
),
requested AS (
    SELECT p.*
    FROM statement_periods p LEFT JOIN newest n ON n.statement_type = p.statement_type AND n.symbol = p.symbol
    WHERE p.symbol IN (SELECT unnest(symbols)) AND (types IS NULL OR list_contains(types, p.statement_type))
      AND (days_back IS NULL OR n.end_date IS NULL OR p.fiscal_date >= n.end_date - days_back)
      AND (dates IS NULL OR vintage = 'latest' OR p.available_date <= list_max(dates::DATE[]))
),
versions AS (
    SELECT *, row_number() OVER by_version AS place,
           min(available_date) OVER (by_version ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS superseded,
           min(available_date) OVER (
               PARTITION BY statement_type, symbol, fiscal_date, months) AS first_available
    FROM requested
    WINDOW by_version AS (
        PARTITION BY statement_type, symbol, fiscal_date, months ORDER BY available_date, version, fiscal_period)
)
SELECT statement_type, symbol, fiscal_date, fiscal_period, months, version, reported_currency, available_date,
       CASE vintage WHEN 'latest' THEN first_available ELSE available_date END AS valid_from,
       CASE vintage WHEN 'known' THEN coalesce(superseded, {{END_OF_TIME}}) ELSE {{END_OF_TIME}} END AS valid_to
FROM versions
WHERE CASE checked_vintage(vintage) WHEN 'known' THEN superseded IS NULL OR superseded > available_date
                                    WHEN 'first' THEN place = 1
                                    WHEN 'latest' THEN superseded IS NULL END;
