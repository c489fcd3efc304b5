-- share_spans(symbols, dates, vintage := 'known'): from when until when each share count was the one to use
-- Grain: one row per requested symbol, count and calendar year in which it was in use up to the last of the dates;
-- known_until is exclusive. `level` is that of split_levels on the count's split basis.
-- Use: join on symbol, in_year = the year of d and known_from <= d < known_until. The year keeps the join fast: by
-- symbol alone every date would be held against every count of its symbol.
-- Point in time and vintage (see checked_vintage): in 'known' and 'first' no count before its available_date;
-- 'latest' uses hindsight. A count is in use until a better one (see share_counts.rank) can be used.
CREATE OR REPLACE FUNCTION share_spans(symbols text[], dates date[], vintage text DEFAULT 'known')
RETURNS TABLE (
    symbol text, shares double precision, source text, fiscal_date date, available_date date, known_from date,
    known_until date, split_basis_date date, level double precision, period_days integer, in_year integer
)
{{planned}}
BEGIN ATOMIC
WITH counts AS MATERIALIZED (SELECT * FROM share_counts c WHERE c.symbol = ANY (symbols)),
versions AS (
    SELECT c.*, version = min(version) OVER of_period AS is_first, rank = max(rank) OVER of_period AS is_last,
           min(c.available_date) OVER of_period AS first_available
    FROM counts c WHERE vintage <> 'known'
    WINDOW of_period AS (PARTITION BY symbol, fiscal_date, source, period)
),
usable AS (
    SELECT c.symbol, c.shares, c.source, c.fiscal_date, c.available_date, c.split_basis_date, c.period_days, c.rank,
           c.available_date AS known_from
    FROM counts c WHERE (SELECT checked_vintage(vintage)) = 'known'
    UNION ALL
    SELECT v.symbol, v.shares, v.source, v.fiscal_date, v.available_date, v.split_basis_date, v.period_days, v.rank,
           CASE vintage WHEN 'first' THEN CASE WHEN v.is_first THEN v.available_date END
                        WHEN 'latest' THEN CASE WHEN v.is_last THEN v.first_available END END
    FROM versions v
),
ranked AS (
    SELECT u.*, max(rank) OVER (PARTITION BY symbol ORDER BY known_from) AS best
    FROM usable u WHERE known_from IS NOT NULL
),
standing AS (
    SELECT r.*, coalesce(lead(known_from) OVER (PARTITION BY symbol ORDER BY known_from), {{END_OF_TIME}})
           AS known_until
    FROM ranked r WHERE rank = best
),
asked AS (SELECT min(day) AS first, max(day) AS last FROM unnest(dates) AS day)
SELECT s.symbol, s.shares, s.source, s.fiscal_date, s.available_date, s.known_from, s.known_until,
       s.split_basis_date, coalesce(l.level, 1), s.period_days, years.in_year
FROM asked a JOIN standing s ON s.known_until > a.first
CROSS JOIN LATERAL generate_series(
    date_part('year', greatest(s.known_from, a.first))::integer,
    date_part('year', least(s.known_until, a.last))::integer) AS years (in_year)
LEFT JOIN split_levels l
  ON l.symbol = s.symbol AND s.split_basis_date >= l.from_date AND s.split_basis_date < l.to_date;
END;
