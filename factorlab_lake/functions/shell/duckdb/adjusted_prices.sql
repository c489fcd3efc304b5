-- adjusted_prices(symbols, start_date, end_date): return daily bars adjusted for splits and dividends
-- Grain: one row per symbol and trading day. Unknown symbols give no rows.
-- Parameters:
-- - start_date, end_date: both included; NULL sets no limit.
-- Point in time: none, because later splits and dividends adjust earlier bars. Do not compute a market cap from the
-- result, and do not select symbols by its prices on a past day.
-- Columns:
-- - open_price, high_price, low_price, close_price, volume: adjusted for splits alone. They are per share as counted after
--   every split in the lake, also after splits later than the last bar. So bars of different split bases line up.
-- - split_factor: the stored prices times this factor are the columns above. The stored volume is divided by it, but not by
--   the part of a distribution, such as a spin-off.
-- - adjusted_close: close_price x dividend_factor. Its changes are returns with dividends reinvested. On the symbol's newest
--   bar it equals close_price. Where no dividends are held it is close_price.
-- - dividend_factor: the product of 1 - dividend / close over the ex-dates after the day, up to the symbol's newest bar.
--   The close is that of the last bar before the ex-date (the method of CRSP and of Yahoo).
-- - adjusted_close_source: 'dividends' where the dividends table has a row of the symbol; else 'provider' where one of its bars
--   has an adjusted_close; else 'splits'. It is the same for all bars of a symbol from start_date on, so that no return mixes two.
-- - reason: why adjusted_close is NULL, or has no dividends; all prices are NULL for the reason 'split_unknown'.
-- Rules:
-- - Several dividends of one ex-date count together. Those of a file are before a provider's on the same day. One amount told by
--   several sources within {{SAME_SPLIT_DAYS}} days is one dividend: that of the file, else of the newer list, else of the later day.
-- - A dividend is adjusted_dividend on its split_basis_date; without it, the dividend as paid, per share of its ex-date.
-- - Source 'provider' is the adjusted_close of the bar, adjusted on the day of its fetch. Bars of different fetches may
--   therefore not line up.
-- - A bar without an adjusted_close among others of source 'provider' has none: 'adjusted_close_missing'.
-- - Source 'splits' is close_price, and the reason 'no_dividends_known'. Load a row with dividend 0 for a symbol that pays none.
-- - Before a missing or negative dividend the reason is 'dividend_missing'.
-- - Before a dividend that is not below its close the reason is 'dividend_not_below_close'.
CREATE OR REPLACE MACRO adjusted_prices(symbols, start_date, end_date) AS TABLE
WITH requested AS (SELECT DISTINCT unnest(symbols) AS symbol),
-- Bars after end_date are needed: later dividends adjust the requested bars. Without the year in the join, DuckDB
-- compares every bar with every dividend of its symbol.
bars AS MATERIALIZED ({{bars_since_splits}}
),
told AS MATERIALIZED ({{told_dividends}}
),
paid AS (
    SELECT t.* FROM told t WHERE NOT EXISTS (SELECT 1 FROM told o WHERE {{is_told_again}})
),
payouts AS (
    SELECT d.symbol, d.date AS ex_date, CASE WHEN count(*) = count(d.amount) THEN sum(d.amount) END AS amount,
           min(d.amount) AS smallest, coalesce(lag(d.date) OVER (PARTITION BY d.symbol ORDER BY d.date), any_value(b.first)) AS from_date
    FROM paid d
    JOIN (SELECT symbol, min(date) AS first, max(date) AS newest FROM bars GROUP BY symbol) b
      ON b.symbol = d.symbol AND d.date > b.first AND d.date <= b.newest
    GROUP BY d.symbol, d.date
),
-- The dividend of the later ex-date is divided by the last close between two ex-dates; without bars between them, by
-- an earlier close.
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
           max(CASE WHEN amount IS NULL OR smallest < 0 THEN 'dividend_missing'
                    WHEN amount >= previous THEN 'dividend_not_below_close' END) OVER later AS reason
    FROM steps WINDOW later AS (PARTITION BY symbol ORDER BY ex_date DESC)
),
adjusted AS (
    SELECT b.*, t.reason, coalesce(t.factor, 1) AS factor,
           CASE WHEN b.symbol IN (SELECT symbol FROM told) THEN 'dividends'
                WHEN b.symbol IN (SELECT symbol FROM bars WHERE provider_close IS NOT NULL) THEN 'provider' ELSE 'splits' END AS source
    FROM bars b
    LEFT JOIN intervals t
      ON t.symbol = b.symbol AND t.in_year = b.in_year AND b.date >= t.from_date AND b.date < t.ex_date
    WHERE b.date <= coalesce(end_date::DATE, {{END_OF_TIME}})
)
{{adjusted_columns}};
