-- share_counts_by_year(symbols, dates, vintage := 'known', availability := 'close'): return when each share count is valid, by calendar year
-- Grain: one row per requested symbol, count and calendar year of its validity interval, up to the last of the dates.
-- Parameters:
-- - vintage: see checked_vintage.
-- - availability: see availability_lag_days.
-- Point in time: no count before its available_date in 'known' and 'first'; 'latest' uses hindsight.
-- Rules:
-- - Join on symbol, in_year = the year of d and valid_from <= d < valid_to. Without the year, DuckDB compares every date with
--   every count of its symbol.
-- - A count is valid until a better one (see share_counts.rank) becomes available.
-- - cumulative_split_factor is that of split_factors on the count's split basis.
CREATE OR REPLACE FUNCTION share_counts_by_year(
    symbols text[], dates date[], vintage text DEFAULT 'known', availability text DEFAULT 'close'
)
RETURNS TABLE (
    symbol text, shares double precision, source text, fiscal_date date, available_date date, valid_from date,
    valid_to date, split_basis_date date, cumulative_split_factor double precision, period_days integer, in_year integer
)
{{planned}}
BEGIN ATOMIC
WITH counts AS MATERIALIZED (SELECT * FROM share_counts(availability) c WHERE c.symbol = ANY (symbols)),
versions AS (
    SELECT c.*, version = min(version) OVER of_period AS is_first, rank = max(rank) OVER of_period AS is_last,
           min(c.available_date) OVER of_period AS first_available
    FROM counts c WHERE vintage <> 'known'
    WINDOW of_period AS (PARTITION BY symbol, fiscal_date, source, period)
),
usable AS (
    SELECT c.symbol, c.shares, c.source, c.fiscal_date, c.available_date, c.split_basis_date, c.period_days, c.rank,
           c.available_date AS valid_from
    FROM counts c WHERE (SELECT checked_vintage(vintage)) = 'known'
    UNION ALL
    SELECT v.symbol, v.shares, v.source, v.fiscal_date, v.available_date, v.split_basis_date, v.period_days, v.rank,
           CASE vintage WHEN 'first' THEN CASE WHEN v.is_first THEN v.available_date END
                        WHEN 'latest' THEN CASE WHEN v.is_last THEN v.first_available END END
    FROM versions v
),
ranked AS (
    SELECT u.*, max(rank) OVER (PARTITION BY symbol ORDER BY valid_from) AS best
    FROM usable u WHERE valid_from IS NOT NULL
),
current_counts AS (
    SELECT r.*, coalesce(lead(valid_from) OVER (PARTITION BY symbol ORDER BY valid_from), {{END_OF_TIME}})
           AS valid_to
    FROM ranked r WHERE rank = best
),
requested AS (SELECT min(day) AS first, max(day) AS last FROM unnest(dates) AS day)
SELECT s.symbol, s.shares, s.source, s.fiscal_date, s.available_date, s.valid_from, s.valid_to,
       s.split_basis_date, coalesce(l.cumulative_split_factor, 1), s.period_days, years.in_year
FROM requested a JOIN current_counts s ON s.valid_to > a.first
CROSS JOIN LATERAL generate_series(
    date_part('year', greatest(s.valid_from, a.first))::integer,
    date_part('year', least(s.valid_to, a.last))::integer) AS years (in_year)
LEFT JOIN split_factors l
  ON l.symbol = s.symbol AND s.split_basis_date >= l.from_date AND s.split_basis_date < l.to_date;
END;
