-- share_counts_by_year(symbols, dates, vintage := 'known'): from when until when each share count was the one to use
-- Grain: one row per requested symbol, count and calendar year in which it was in use up to the last of the dates;
-- valid_to is exclusive. `cumulative_split_factor` is that of split_factors on the count's split basis.
-- Use: join on symbol, in_year = year(d) and valid_from <= d < valid_to. The year keeps the join fast: by
-- symbol alone every date would be facts against every count of its symbol.
-- The second condition on symbols does what the first does. DuckDB applies it, unlike the first, before the windows of
-- share_count_validity where that is a view; for long lists it would be the slower one.
-- Point in time and vintage: as share_count_validity; 'latest' uses hindsight.
CREATE OR REPLACE MACRO share_counts_by_year(symbols, dates, vintage := 'known') AS TABLE
SELECT * EXCLUDE (of_vintage, restated),
       unnest(range(year(greatest(valid_from, list_min(dates)::DATE)),
                    least(year(valid_to), year(list_max(dates)::DATE)) + 1)) AS in_year
FROM share_count_validity
WHERE (of_vintage = checked_vintage(vintage) OR NOT restated) AND symbol IN (SELECT unnest(symbols))
  AND (len(symbols) > {{FEW_SYMBOLS}} OR list_contains(symbols, symbol))
  AND valid_to > list_min(dates)::DATE;
