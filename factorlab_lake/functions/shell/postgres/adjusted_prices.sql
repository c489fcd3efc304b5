-- adjusted_prices(symbols, start_date, end_date): return daily bars adjusted for splits and dividends
-- Grain: one row per symbol and trading day. Unknown symbols give no rows.
-- Parameters:
-- - start_date, end_date: both included; NULL sets no limit.
-- Point in time: none, because later splits and dividends adjust earlier bars. Do not compute a market cap from the
-- result, and do not select symbols by its prices on a past day.
-- Columns:
-- - open_price, high_price, low_price, close_price, volume: adjusted for splits alone. They are per share as counted after
--   every split in the lake, also after splits later than the last bar. So bars of different split bases line up.
-- - split_factor: the stored prices times this factor, and the stored volume divided by it, are the columns above.
-- - adjusted_close: close_price x dividend_factor. Its changes are returns with dividends reinvested. On the symbol's newest
--   bar it equals close_price.
-- - dividend_factor: the product of 1 - dividend / close over the ex-dates after the day, up to the symbol's newest bar.
--   The close is that of the last bar before the ex-date (the method of CRSP and of Yahoo).
-- - adjusted_close_source: 'dividends' where the dividends table has a row of the symbol; else 'provider', or NULL.
-- - reason: why adjusted_close is NULL.
-- Rules:
-- - A dividend is adjusted_dividend on its split_basis_date; without it, the dividend as paid, per share of its ex-date.
-- - Source 'provider' is the adjusted_close of the bar, adjusted on the day of its fetch. Bars of different fetches may
--   therefore not line up.
-- - Without either source the reason is 'no_dividends_known'. Load a row with dividend 0 for a symbol that pays none.
-- - Before a missing or negative dividend the reason is 'dividend_missing'.
-- - Before a dividend that is not below its close the reason is 'dividend_not_below_close'.
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
    SELECT p.symbol, p.date, p.in_year, p.splits_since, p.open_price / p.splits_since AS open_price,
           p.high_price / p.splits_since AS high_price, p.low_price / p.splits_since AS low_price,
           p.close_price / p.splits_since AS close_price, p.volume * p.splits_since AS volume,
           p.adjusted_close / p.splits_since AS provider_close
    FROM (
        SELECT b.*, date_part('year', b.date)::integer AS in_year, coalesce(s.cumulative_split_factor, 1) AS splits_since
        FROM price_data b
        LEFT JOIN split_factors s
          ON s.symbol = b.symbol AND b.split_basis_date >= s.from_date AND b.split_basis_date < s.to_date
        WHERE b.symbol = ANY (symbols) AND b.date >= coalesce(start_date, {{BEGINNING_OF_TIME}})) p
),
payouts AS MATERIALIZED (
    SELECT d.symbol, d.date AS ex_date, coalesce(d.adjusted_dividend, d.dividend) / coalesce(s.cumulative_split_factor, 1) AS amount,
           coalesce(lag(d.date) OVER (PARTITION BY d.symbol ORDER BY d.date), b.first) AS from_date
    FROM dividends d
    JOIN (SELECT symbol, min(date) AS first, max(date) AS newest FROM bars GROUP BY symbol) b
      ON b.symbol = d.symbol AND d.date > b.first AND d.date <= b.newest
    LEFT JOIN split_factors s
      ON s.symbol = d.symbol
     AND CASE WHEN d.adjusted_dividend IS NULL THEN d.date ELSE d.split_basis_date END >= s.from_date
     AND CASE WHEN d.adjusted_dividend IS NULL THEN d.date ELSE d.split_basis_date END < s.to_date
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
           max(CASE WHEN amount IS NULL OR amount < 0 THEN 'dividend_missing'
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
           CASE WHEN b.symbol IN (SELECT d.symbol FROM dividends d) THEN 'dividends'
                WHEN b.provider_close IS NOT NULL THEN 'provider' END AS source
    FROM bars b
    LEFT JOIN intervals t
      ON t.symbol = b.symbol AND t.in_year = b.in_year AND b.date >= t.from_date AND b.date < t.ex_date
    WHERE b.date <= coalesce(end_date, {{END_OF_TIME}})
)
SELECT symbol, date, open_price, high_price, low_price, close_price, volume,
       CASE WHEN reason IS NULL THEN
           CASE source WHEN 'dividends' THEN close_price * factor WHEN 'provider' THEN provider_close END
       END,
       source, 1 / splits_since,
       CASE WHEN reason IS NULL THEN
           CASE source WHEN 'dividends' THEN factor WHEN 'provider' THEN provider_close / nullif(close_price, 0) END
       END,
       CASE WHEN source IS NULL THEN 'no_dividends_known' ELSE reason END
FROM adjusted;
END;
