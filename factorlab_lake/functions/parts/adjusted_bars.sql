-- adjusted_bars: the steps of adjusted_prices for the engines without a product of rows, Snowflake and Spark
-- Grain: one row per symbol and trading day.
-- Parameters: the relation requested (symbol), first_day and last_day.
-- Rules:
-- - Bars and dividends of a symbol are one sequence of events, so that each bar meets its later dividends without a join of ranges.
--   A dividend comes before the bar of its ex-date.
-- - A product is the exponential of a sum of logarithms. Where a step is not above zero, there is a reason in place of the product.
told AS ({{told_dividends}}
),
bars AS ({{bars_since_splits}}
),
repeated AS (
    SELECT DISTINCT t.symbol, t.date, t.event FROM told t JOIN told o ON {{is_told_again}}
),
paid AS (
    SELECT t.symbol, t.date, t.amount
    FROM told t LEFT JOIN repeated r ON r.symbol = t.symbol AND r.date = t.date AND r.event = t.event
    WHERE r.symbol IS NULL
),
spans AS (
    SELECT symbol, MIN(date) AS first_bar, MAX(date) AS newest,
           MAX(CASE WHEN provider_close IS NOT NULL THEN 1 ELSE 0 END) AS has_provider
    FROM bars GROUP BY symbol
),
payouts AS (
    SELECT d.symbol, d.date, CASE WHEN COUNT(*) = COUNT(d.amount) THEN SUM(d.amount) END AS amount, MIN(d.amount) AS smallest
    FROM paid d JOIN spans b ON b.symbol = d.symbol AND d.date > b.first_bar AND d.date <= b.newest
    GROUP BY d.symbol, d.date
),
events AS (
    SELECT symbol, date, 1 AS is_bar, close_price AS close, NULL AS amount, NULL AS smallest FROM bars
    UNION ALL
    SELECT symbol, date, 0, NULL, amount, smallest FROM payouts
),
counted AS (
    SELECT symbol, date, is_bar, close, amount, smallest,
           COUNT(close) OVER (PARTITION BY symbol ORDER BY date, is_bar ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS closes_so_far
    FROM events
),
-- A dividend is divided by the last close before its ex-date.
measured AS (
    SELECT symbol, date, is_bar, amount, smallest, MAX(close) OVER (PARTITION BY symbol, closes_so_far) AS previous FROM counted
),
steps AS (
    SELECT symbol, date, is_bar, 1e0 - amount / NULLIF(previous, 0e0) AS step,
           CASE WHEN is_bar = 1 THEN NULL WHEN amount IS NULL OR smallest < 0e0 THEN 'dividend_missing'
                WHEN amount >= previous THEN 'dividend_not_below_close' END AS fault
    FROM measured
),
later AS (
    SELECT symbol, date, is_bar,
           EXP(COALESCE(SUM(CASE WHEN step > 0e0 THEN LN(step) END) OVER (
               PARTITION BY symbol ORDER BY date DESC, is_bar DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), 0e0)) AS factor,
           MAX(fault) OVER (
               PARTITION BY symbol ORDER BY date DESC, is_bar DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS reason
    FROM steps
),
adjusted AS (
    SELECT b.symbol, b.date, b.open_price, b.high_price, b.low_price, b.close_price, b.volume, b.provider_close, b.is_unknown,
           b.splits_since, a.reason, a.factor,
           CASE WHEN k.symbol IS NOT NULL THEN 'dividends' WHEN n.has_provider = 1 THEN 'provider' ELSE 'splits' END AS source
    FROM bars b
    JOIN later a ON a.symbol = b.symbol AND a.date = b.date AND a.is_bar = 1
    JOIN spans n ON n.symbol = b.symbol
    LEFT JOIN (SELECT DISTINCT symbol FROM told) k ON k.symbol = b.symbol
    WHERE b.date <= {{last_day}}
)
{{adjusted_columns}}
