-- shares_as_of(symbols, dates, vintage := 'known'): return the best share count known at each date
-- Grain: one row per requested symbol and date for which any count was known.
-- Parameters:
-- - vintage: see checked_vintage. With 'latest', shares_available_date may lie after the date.
-- Point in time: only counts with available_date <= date, except with 'latest'.
-- Rules:
-- - The cover page's count wins, then the balance sheet's, then a weighted average. A source is passed over when its newest
--   count is more than a reporting period and {{COUNT_PREFERENCE_DAYS}} days older than the newest of all.
-- - A count that others contradict is not used (see docs/concepts/companies.md).
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
