-- share_counts_by_year(symbols, dates, vintage := 'known'): return when each share count is valid, by calendar year
-- Grain: one row per requested symbol, count and calendar year of its validity interval, up to the last of the dates.
-- Parameters:
-- - vintage: see checked_vintage.
-- Point in time: as share_count_validity.
-- Rules:
-- - Join on symbol, in_year = year(d) and valid_from <= d < valid_to. Without the year, DuckDB compares every date with
--   every count of its symbol.
-- - The symbol filter is written twice on purpose: DuckDB pushes only the second below the windows of share_count_validity,
--   if that is a view. For long lists the second would be slower.
CREATE OR REPLACE MACRO share_counts_by_year(symbols, dates, vintage := 'known') AS TABLE
SELECT * EXCLUDE (of_vintage, restated),
       unnest(range(year(greatest(valid_from, list_min(dates)::DATE)),
                    least(year(valid_to), year(list_max(dates)::DATE)) + 1)) AS in_year
FROM share_count_validity
WHERE (of_vintage = checked_vintage(vintage) OR NOT restated) AND symbol IN (SELECT unnest(symbols))
  AND (len(symbols) > {{FEW_SYMBOLS}} OR list_contains(symbols, symbol))
  AND valid_to > list_min(dates)::DATE;
