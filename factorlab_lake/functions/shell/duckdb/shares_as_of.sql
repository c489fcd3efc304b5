-- shares_as_of(symbols, dates, vintage := 'known'): return the newest share count known at each date
-- Grain: one row per requested symbol and date for which any count was known.
-- Parameters:
-- - vintage: see checked_vintage. With 'latest', shares_available_date may lie after the date.
-- Point in time: only counts with available_date <= date.
-- Rules:
-- - The count of the latest day wins, then the preferred source, then the newest version.
-- - Where no known count is usable, shares_outstanding is NULL and `reason` gives the cause.
-- - Zero is missing, and any real count wins over it. shares_outstanding is NULL where all known counts are missing.
CREATE OR REPLACE MACRO shares_as_of(symbols, dates, vintage := 'known') AS TABLE
WITH days AS (SELECT DISTINCT unnest(dates)::DATE AS date),
counts AS (
    SELECT *
    FROM share_count_history
    WHERE symbol IN (SELECT unnest(symbols)) AND bucket IN ({{buckets_of_share_count_history}})
      AND (of_vintage = checked_vintage(vintage) OR NOT restated)
)
SELECT s.symbol, d.date, s.shares AS shares_outstanding, s.source AS shares_source,
       s.fiscal_date AS shares_fiscal_date, s.available_date AS shares_available_date,
       s.split_basis_date, d.date - s.fiscal_date AS shares_age_days, s.reason
FROM days d JOIN counts s ON d.date >= s.valid_from AND d.date < s.valid_to;
