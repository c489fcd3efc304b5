-- share_spans(symbols, dates, vintage := 'known'): from when until when each share count was the one to use
-- Grain: one row per requested symbol, count and calendar year in which it was in use up to the last of the dates;
-- known_until is exclusive. `level` is that of split_levels on the count's split basis.
-- Use: join on symbol, in_year = year(d) and known_from <= d < known_until. The year keeps the join fast: by
-- symbol alone every date would be held against every count of its symbol.
-- The second condition on symbols does what the first does. DuckDB applies it, unlike the first, before the windows of
-- standing_share_counts where that is a view; for long lists it would be the slower one.
-- Point in time and vintage: as standing_share_counts; 'latest' uses hindsight.
CREATE OR REPLACE MACRO share_spans(symbols, dates, vintage := 'known') AS TABLE
SELECT * EXCLUDE (of_vintage, restated),
       unnest(range(year(greatest(known_from, list_min(dates)::DATE)),
                    least(year(known_until), year(list_max(dates)::DATE)) + 1)) AS in_year
FROM standing_share_counts
WHERE (of_vintage = checked_vintage(vintage) OR NOT restated) AND symbol IN (SELECT unnest(symbols))
  AND (len(symbols) > {{FEW_SYMBOLS}} OR list_contains(symbols, symbol))
  AND known_until > list_min(dates)::DATE;
