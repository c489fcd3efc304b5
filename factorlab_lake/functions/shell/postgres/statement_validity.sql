-- statement_validity(symbols, vintage := 'known', dates := NULL, types := NULL, days_back := NULL, availability := 'close'): return when each version of a statement is valid
-- Grain: one row per statement type, symbol, period end, length in months and version, with the interval [valid_from,
-- valid_to).
-- Parameters:
-- - vintage: see checked_vintage. With 'latest', available_date may lie after valid_from.
-- - dates: with it, versions that became available after the last of the dates are left out.
-- - types: statement types; NULL returns all.
-- - days_back: with it, periods are left out that ended more days before the newest one known on the first of the dates.
-- - availability: see availability_lag_days.
-- Point in time: with 'known' and 'first', no version before its available_date.
-- Rules:
-- - A later version (by acceptance, then fetch; see `version`) replaces an earlier one on the day it becomes available.
-- - Different labels of one period (Q3 filed again as Q4) are versions of it, in the order of their available_date.
CREATE OR REPLACE FUNCTION statement_validity(
    symbols text[], vintage text DEFAULT 'known', dates date[] DEFAULT NULL,
    types text[] DEFAULT NULL, days_back integer DEFAULT NULL, availability text DEFAULT 'close'
)
RETURNS TABLE (
    statement_type text, symbol text, fiscal_date date, fiscal_period text, months integer, version integer,
    reported_currency text, available_date date, valid_from date, valid_to date
)
{{planned}}
BEGIN ATOMIC
WITH newest AS (
    SELECT p.statement_type, p.symbol, max(p.fiscal_date) AS end_date
    FROM statement_periods(availability) p
    WHERE p.symbol = ANY (symbols) AND (types IS NULL OR p.statement_type = ANY (types))
      AND p.available_date <= (SELECT min(day) FROM unnest(dates) AS day)
    GROUP BY p.statement_type, p.symbol
),
versions AS (
    SELECT p.*, row_number() OVER by_version AS place, lead(p.available_date) OVER by_version AS superseded,
           first_value(p.available_date) OVER by_version AS first_available
    FROM statement_periods(availability) p LEFT JOIN newest n ON n.statement_type = p.statement_type AND n.symbol = p.symbol
    WHERE p.symbol = ANY (symbols) AND (types IS NULL OR p.statement_type = ANY (types))
      AND (days_back IS NULL OR n.end_date IS NULL OR p.fiscal_date >= n.end_date - days_back)
      AND (dates IS NULL OR vintage = 'latest' OR p.available_date <= (SELECT max(day) FROM unnest(dates) AS day))
    WINDOW by_version AS (
        PARTITION BY p.statement_type, p.symbol, fiscal_date, months
        ORDER BY p.available_date, version, fiscal_period COLLATE "C")
)
SELECT statement_type, symbol, fiscal_date, fiscal_period, months, version, reported_currency, available_date,
       CASE vintage WHEN 'latest' THEN first_available ELSE available_date END,
       CASE vintage WHEN 'known' THEN coalesce(superseded, {{END_OF_TIME}}) ELSE {{END_OF_TIME}} END
FROM versions
WHERE CASE (SELECT checked_vintage(vintage)) WHEN 'known' THEN superseded IS NULL OR superseded > available_date
                                    WHEN 'first' THEN place = 1
                                    WHEN 'latest' THEN superseded IS NULL END;
END;
