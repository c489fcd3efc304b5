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
WITH bars AS MATERIALIZED (
    SELECT p.symbol, p.date, p.in_year, p.splits_since, p.is_unknown, p.open_price / p.splits_since AS open_price,
           p.high_price / p.splits_since AS high_price, p.low_price / p.splits_since AS low_price,
           p.close_price / p.splits_since AS close_price, p.volume * p.splits_since / p.distributed AS volume,
           p.adjusted_close / p.splits_since AS provider_close
    FROM (
        SELECT b.*, date_part('year', b.date)::integer AS in_year, s.symbol IS NOT NULL AND s.cumulative_split_factor IS NULL AS is_unknown,
               CASE WHEN s.symbol IS NULL THEN 1 ELSE s.cumulative_split_factor * s.distribution_factor END AS splits_since,
               coalesce(s.distribution_factor, 1) AS distributed
        FROM price_data b
        LEFT JOIN split_history s
          ON s.symbol = b.symbol AND b.split_basis_date >= s.from_date AND b.split_basis_date < s.to_date
        WHERE b.symbol = ANY (symbols) AND b.date >= coalesce(start_date, {{BEGINNING_OF_TIME}})) p
),
told AS MATERIALIZED (
    SELECT d.symbol, d.date, d.source_provider, d.fetched_at,
           coalesce(d.adjusted_dividend, d.dividend) / CASE WHEN s.symbol IS NULL THEN 1
               ELSE s.cumulative_split_factor * s.distribution_factor END AS amount,
           CASE WHEN d.source_provider = 'file' THEN 1 ELSE 0 END AS precedence
    FROM dividends d
    LEFT JOIN split_history s
      ON s.symbol = d.symbol
     AND CASE WHEN d.adjusted_dividend IS NULL THEN d.date ELSE d.split_basis_date END >= s.from_date
     AND CASE WHEN d.adjusted_dividend IS NULL THEN d.date ELSE d.split_basis_date END < s.to_date
    WHERE d.symbol = ANY (symbols) AND d.retracted_at IS NULL
),
-- Both of two equal dividends in one list are paid; one dividend that two sources told is paid once.
paid AS (
    SELECT t.* FROM told t
    WHERE NOT EXISTS (
        SELECT 1 FROM told o
        WHERE o.symbol = t.symbol AND o.source_provider <> t.source_provider
          AND (o.precedence > t.precedence OR o.precedence = t.precedence
               AND (o.fetched_at > t.fetched_at OR o.fetched_at = t.fetched_at AND o.source_provider > t.source_provider))
          AND (o.date = t.date
               OR o.date BETWEEN t.date - {{SAME_SPLIT_DAYS}} AND t.date + {{SAME_SPLIT_DAYS}}
                  AND abs(o.amount - t.amount) <= {{RESCALED_ROUNDING}}))
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
SELECT symbol, date, open_price, high_price, low_price, close_price, volume,
       CASE WHEN reason IS NULL THEN
           CASE source WHEN 'dividends' THEN close_price * factor WHEN 'provider' THEN provider_close ELSE close_price END
       END,
       source, 1 / splits_since,
       CASE WHEN reason IS NULL THEN
           CASE source WHEN 'dividends' THEN factor WHEN 'provider' THEN provider_close / nullif(close_price, 0) END
       END,
       CASE WHEN is_unknown THEN 'split_unknown' WHEN source = 'splits' THEN 'no_dividends_known'
            WHEN source = 'provider' AND provider_close IS NULL THEN 'adjusted_close_missing' ELSE reason END
FROM adjusted;
END;
