{{head}}
CREATE OR REPLACE FUNCTION adjusted_prices(symbols text[], start_date date, end_date date)
RETURNS TABLE (
    symbol text, date date, open_price double precision, high_price double precision, low_price double precision,
    close_price double precision, volume double precision, adjusted_close double precision,
    adjusted_close_source text, split_factor double precision, dividend_factor double precision, reason text
)
{{planned}}
BEGIN ATOMIC
-- Bars after end_date are needed: later dividends adjust the requested bars.
WITH bars AS MATERIALIZED ({{bars_since_splits}}
),
told AS MATERIALIZED ({{told_dividends}}
),
paid AS (
    SELECT t.* FROM told t WHERE NOT EXISTS (SELECT 1 FROM told o WHERE {{is_told_again}})
),
payouts AS MATERIALIZED (
    SELECT d.symbol, d.date AS ex_date, CASE WHEN count(*) = count(d.amount) THEN sum(d.amount) END AS amount,
           min(d.amount) AS smallest, coalesce(lag(d.date) OVER (PARTITION BY d.symbol ORDER BY d.date), min(b.first)) AS from_date
    FROM paid d
    JOIN (SELECT symbol, min(date) AS first, max(date) AS newest FROM bars GROUP BY symbol) b
      ON b.symbol = d.symbol AND d.date > b.first AND d.date <= b.newest
    GROUP BY d.symbol, d.date
),
-- The days before each ex-date, one row per calendar year. Without the year in the join, every bar is compared with
-- every dividend of its symbol.
before AS (
    SELECT p.*, years.in_year
    FROM payouts p CROSS JOIN LATERAL generate_series(
        date_part('year', p.from_date)::integer, date_part('year', p.ex_date)::integer) AS years (in_year)
),
-- The dividend of the later ex-date is divided by the last close between two ex-dates; without bars between them, by
-- an earlier close.
closes AS (
    SELECT DISTINCT ON (p.symbol, p.ex_date) p.symbol, p.ex_date, b.close_price AS close
    FROM bars b JOIN before p
      ON p.symbol = b.symbol AND p.in_year = b.in_year AND b.date >= p.from_date AND b.date < p.ex_date
    WHERE b.close_price IS NOT NULL
    ORDER BY p.symbol, p.ex_date, b.date DESC
),
measured AS (
    SELECT p.*, c.close, count(c.close) OVER (PARTITION BY p.symbol ORDER BY p.ex_date) AS closes_so_far
    FROM payouts p LEFT JOIN closes c ON c.symbol = p.symbol AND c.ex_date = p.ex_date
),
steps AS (
    SELECT m.*, max(close) OVER (PARTITION BY symbol, closes_so_far) AS previous FROM measured m
),
factors AS (
    SELECT symbol, from_date, ex_date, product(1 - amount / nullif(previous, 0)) OVER later AS factor,
           max(CASE WHEN amount IS NULL OR smallest < 0 THEN 'dividend_missing'
                    WHEN amount >= previous THEN 'dividend_not_below_close' END) OVER later AS reason
    FROM steps WINDOW later AS (PARTITION BY symbol ORDER BY ex_date DESC)
),
intervals AS (
    SELECT f.*, years.in_year
    FROM factors f CROSS JOIN LATERAL generate_series(
        date_part('year', f.from_date)::integer, date_part('year', f.ex_date)::integer) AS years (in_year)
),
adjusted AS (
    SELECT b.*, t.reason, coalesce(t.factor, 1) AS factor,
           CASE WHEN b.symbol IN (SELECT d.symbol FROM told d) THEN 'dividends'
                WHEN b.symbol IN (SELECT k.symbol FROM bars k WHERE provider_close IS NOT NULL) THEN 'provider' ELSE 'splits' END AS source
    FROM bars b
    LEFT JOIN intervals t
      ON t.symbol = b.symbol AND t.in_year = b.in_year AND b.date >= t.from_date AND b.date < t.ex_date
    WHERE b.date <= coalesce(end_date, {{END_OF_TIME}})
)
{{adjusted_columns}};
END;
