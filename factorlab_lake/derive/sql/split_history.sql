-- split_bases: compute what one share and one price of a given day have become by the splits up to today
-- Grain: one row per symbol and interval [from_date, to_date); the intervals of a symbol cover all days.
-- Columns:
-- - cumulative_split_factor: how many of today's shares one share has become. That of day a divided by that of day b is the
--   product of the ratios of the splits with a < ex-date <= b.
-- - distribution_factor: by what a price is divided besides, for distributions, which change no number of shares.
-- - same_from, same_to: the days around without a split that no source told.
-- Rules:
-- - The split factor is NULL within the window of a split that no source told: it may have happened or not.
CREATE OR REPLACE TEMP TABLE split_bases AS
WITH cuts AS (
    SELECT symbol, unnest([prices_from, shares_from, earliest_date, latest_date]) AS cut FROM split_events
    WHERE status IN ('applied', 'unproven')
    UNION SELECT symbol, {{BEGINNING_OF_TIME}} FROM derived_symbols
),
intervals AS (
    SELECT symbol, cut AS from_date, coalesce(lead(cut) OVER (PARTITION BY symbol ORDER BY cut), {{END_OF_TIME}}) AS to_date
    FROM (SELECT DISTINCT symbol, cut FROM cuts WHERE cut IS NOT NULL)
),
factors AS (
    SELECT i.symbol, i.from_date, i.to_date, count(e.symbol) > 0 AS has_events,
           coalesce(product(e.ratio) FILTER (WHERE e.shares_from >= i.to_date), 1) AS shares_factor,
           coalesce(product(e.ratio) FILTER (WHERE e.prices_from >= i.to_date), 1) AS price_factor,
           coalesce(bool_or(i.from_date >= e.earliest_date AND i.from_date < e.latest_date AND e.shares_from IS NOT NULL), false) AS is_unknown,
           max(e.latest_date) FILTER (WHERE e.latest_date <= i.from_date) AS same_from,
           min(e.latest_date) FILTER (WHERE e.latest_date > i.from_date) AS same_to
    FROM intervals i LEFT JOIN (FROM split_events WHERE status IN ('applied', 'unproven')) e ON e.symbol = i.symbol
    GROUP BY i.symbol, i.from_date, i.to_date
)
SELECT symbol, from_date, to_date, has_events, CASE WHEN NOT is_unknown THEN shares_factor END AS cumulative_split_factor,
       price_factor / shares_factor AS distribution_factor, same_from, same_to
FROM factors;

-- split_history: the intervals of the symbols that have splits
-- Grain: one row per symbol and interval [from_date, to_date); a symbol without a split has none.
CREATE OR REPLACE TEMP TABLE split_history AS SELECT * EXCLUDE (has_events) FROM split_bases WHERE has_events;

-- split_lists: the last day on which the splits of a symbol were told
-- Grain: one row per symbol whose splits were fetched or loaded, also where there are none.
CREATE OR REPLACE TEMP TABLE split_lists AS
SELECT symbol, max(told) AS told_to
FROM (
    SELECT symbol, (fetch_date AT TIME ZONE 'America/New_York')::DATE AS told FROM data_fetch_log
    WHERE data_type = 'splits' AND success
    UNION ALL
    SELECT symbol, (fetched_at AT TIME ZONE 'America/New_York')::DATE FROM splits WHERE source IN ('file', 'prices')
)
WHERE symbol IN (SELECT symbol FROM derived_symbols) GROUP BY symbol;
