-- adjusted_prices(symbols, start_date, end_date): daily bars on one basis, adjusted for splits and for dividends
-- Grain: one row per symbol and trading day from start_date to end_date, both included; a date that is NULL sets
-- no limit. Unknown symbols give no rows.
-- open_price, high_price, low_price, close_price, volume: adjusted for splits alone, per share as counted after
-- every split the lake holds, those after the last bar too. Bars stored on different split bases so line up.
-- split_factor: what the stored prices were multiplied by and the stored volume divided by.
-- adjusted_close = close_price x dividend_factor: adjusted for dividends too, so that its changes are returns with
-- the dividends reinvested; on the newest bar the lake holds of the symbol it is the close.
-- dividend_factor: the product over the ex-dates after the day, up to the symbol's newest bar, of
-- 1 - dividend / close of the last bar before the ex-date (the method of CRSP and of Yahoo).
-- A dividend is taken as adjusted_dividend on its split_basis_date, else as paid, per share of its ex-date.
-- adjusted_close_source: 'dividends' where the table of that name knows any of the symbol; else 'provider': the
-- adjusted_close that came with the bar, as adjusted on the day of its fetch, so bars of different fetches need
-- not line up; else NULL with reason 'no_dividends_known'. Load a row with dividend 0 for a symbol that pays none.
-- NULL with a reason before a dividend that is missing or negative ('dividend_missing') or not below the close it
-- is measured by ('dividend_not_below_close').
-- Point in time: none. Splits and dividends after the day are what adjusting is; never use the result for a market
-- cap, nor to choose by its cumulative_split_factor on a past day.
CREATE OR REPLACE MACRO adjusted_prices(symbols, start_date, end_date) AS TABLE
WITH requested AS (SELECT DISTINCT unnest(symbols) AS symbol),
-- Bars after end_date count too: dividends until the newest of them adjust the bars requested for. The year keeps the
-- joins fast: by symbol alone every bar would be facts against every dividend of its symbol.
bars AS MATERIALIZED (
    SELECT p.symbol, p.date, year(p.date) AS in_year, coalesce(s.cumulative_split_factor, 1) AS splits_since,
           p.open_price / splits_since AS open_price, p.high_price / splits_since AS high_price,
           p.low_price / splits_since AS low_price, p.close_price / splits_since AS close_price,
           p.volume * splits_since AS volume, p.adjusted_close / splits_since AS provider_close
    FROM price_data p
    LEFT JOIN split_factors s
      ON s.symbol = p.symbol AND p.split_basis_date >= s.from_date AND p.split_basis_date < s.to_date
    WHERE p.symbol IN (SELECT symbol FROM requested) AND p.date >= coalesce(start_date::DATE, {{BEGINNING_OF_TIME}})
),
payouts AS (
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
-- The last close between two ex-dates is what the later one is measured by; without bars between them, one before.
closes AS (
    SELECT p.symbol, p.ex_date, arg_max(b.close_price, b.date) AS close
    FROM bars b JOIN (SELECT *, unnest(range(year(from_date), year(ex_date) + 1)) AS in_year FROM payouts) p
      ON p.symbol = b.symbol AND p.in_year = b.in_year AND b.date >= p.from_date AND b.date < p.ex_date
    GROUP BY p.symbol, p.ex_date
),
steps AS (
    SELECT p.*, last_value(c.close IGNORE NULLS) OVER (PARTITION BY p.symbol ORDER BY p.ex_date) AS previous
    FROM payouts p LEFT JOIN closes c ON c.symbol = p.symbol AND c.ex_date = p.ex_date
),
intervals AS (
    SELECT symbol, from_date, ex_date, unnest(range(year(from_date), year(ex_date) + 1)) AS in_year,
           product(1 - amount / previous) OVER later AS factor,
           max(CASE WHEN amount IS NULL OR amount < 0 THEN 'dividend_missing'
                    WHEN amount >= previous THEN 'dividend_not_below_close' END) OVER later AS reason
    FROM steps WINDOW later AS (PARTITION BY symbol ORDER BY ex_date DESC)
),
adjusted AS (
    SELECT b.*, t.reason, coalesce(t.factor, 1) AS factor,
           CASE WHEN b.symbol IN (SELECT symbol FROM dividends) THEN 'dividends'
                WHEN b.provider_close IS NOT NULL THEN 'provider' END AS source
    FROM bars b
    LEFT JOIN intervals t
      ON t.symbol = b.symbol AND t.in_year = b.in_year AND b.date >= t.from_date AND b.date < t.ex_date
    WHERE b.date <= coalesce(end_date::DATE, {{END_OF_TIME}})
)
SELECT symbol, date, open_price, high_price, low_price, close_price, volume,
       CASE WHEN reason IS NULL THEN
           CASE source WHEN 'dividends' THEN close_price * factor WHEN 'provider' THEN provider_close END
       END AS adjusted_close,
       source AS adjusted_close_source, 1 / splits_since AS split_factor,
       CASE WHEN reason IS NULL THEN
           CASE source WHEN 'dividends' THEN factor WHEN 'provider' THEN provider_close / close_price END
       END AS dividend_factor,
       CASE WHEN source IS NULL THEN 'no_dividends_known' ELSE reason END AS reason
FROM adjusted;
