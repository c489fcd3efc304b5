-- share_spans(symbols, dates): from when until when each share count was the one to use
-- Grain: one row per requested symbol, count and calendar year in which it was in use; `until` is exclusive.
-- Use: join on symbol, in_year = year(d) and available_date <= d < until. The year keeps the join fast: by
-- symbol alone every date would be held against every count of its symbol.
-- Point in time: a count is in use from its available_date on, unless a better one (see share_counts.rank) was
-- known by then; it ends when a better one becomes available.
CREATE OR REPLACE MACRO share_spans(symbols, dates) AS TABLE
WITH standing AS (
    SELECT * FROM share_counts WHERE symbol IN (SELECT unnest(symbols))
    QUALIFY rank = max(rank) OVER (PARTITION BY symbol ORDER BY available_date)
),
spans AS (
    SELECT *, coalesce(lead(available_date) OVER (PARTITION BY symbol ORDER BY available_date), DATE '9999-01-01') AS until
    FROM standing
)
SELECT symbol, shares, source, fiscal_date, available_date, until, split_basis_date, period_days,
       unnest(range(year(available_date), least(year(until), year(list_max(dates)::DATE)) + 1)) AS in_year
FROM spans;
