-- adjusted_bars: the steps of adjusted_prices for the engines without a product of rows, Snowflake and Spark
-- Grain: one row per symbol and trading day.
-- Parameters: the relations requested (symbol) and limits (first_day, last_day).
-- Rules:
-- - Bars and dividends of a symbol are one sequence of events, so that each bar meets its later dividends without a join of ranges.
--   A dividend comes before the bar of its ex-date.
-- - A product is the exponential of a sum of logarithms. Where a step is not above zero, there is a reason in place of the product.
told AS (
    SELECT d.symbol, d.date, d.event, d.source_provider, d.fetched_at, {{same_from}} AS same_from, {{same_to}} AS same_to,
           COALESCE(d.adjusted_dividend, d.dividend) / CASE WHEN s.symbol IS NULL THEN 1e0
               ELSE s.cumulative_split_factor * s.distribution_factor END AS amount,
           CASE WHEN d.source_provider = 'file' THEN 1 ELSE 0 END AS precedence
    FROM dividends d
    LEFT JOIN split_history s
      ON s.symbol = d.symbol
     AND CASE WHEN d.adjusted_dividend IS NULL THEN d.date ELSE d.split_basis_date END >= s.from_date
     AND CASE WHEN d.adjusted_dividend IS NULL THEN d.date ELSE d.split_basis_date END < s.to_date
    WHERE d.symbol IN (SELECT symbol FROM requested) AND d.retracted_at IS NULL
),
priced AS (
    SELECT p.symbol, p.date, s.symbol IS NOT NULL AND s.cumulative_split_factor IS NULL AS is_unknown,
           CASE WHEN s.symbol IS NULL THEN 1e0 ELSE s.cumulative_split_factor * s.distribution_factor END AS splits_since,
           COALESCE(s.distribution_factor, 1e0) AS distributed, p.open_price, p.high_price, p.low_price, p.close_price, p.volume,
           p.adjusted_close
    FROM price_data p
    CROSS JOIN limits l
    LEFT JOIN split_history s
      ON s.symbol = p.symbol AND p.split_basis_date >= s.from_date AND p.split_basis_date < s.to_date
    WHERE p.symbol IN (SELECT symbol FROM requested) AND p.date >= l.first_day
),
bars AS (
    SELECT symbol, date, is_unknown, splits_since, open_price / splits_since AS open_price, high_price / splits_since AS high_price,
           low_price / splits_since AS low_price, close_price / splits_since AS close_price,
           volume * splits_since / distributed AS volume, adjusted_close / splits_since AS provider_close
    FROM priced
),
-- Both of two equal dividends in one list are paid; one dividend that two sources told is paid once.
repeated AS (
    SELECT DISTINCT t.symbol, t.date, t.event
    FROM told t JOIN told o ON o.symbol = t.symbol AND o.source_provider <> t.source_provider
    WHERE (o.precedence > t.precedence OR o.precedence = t.precedence
           AND (o.fetched_at > t.fetched_at OR o.fetched_at = t.fetched_at AND o.source_provider > t.source_provider))
      AND (o.date = t.date
           OR o.date >= t.same_from AND o.date <= t.same_to AND ABS(o.amount - t.amount) <= {{RESCALED_ROUNDING}})
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
    CROSS JOIN limits l
    JOIN later a ON a.symbol = b.symbol AND a.date = b.date AND a.is_bar = 1
    JOIN spans n ON n.symbol = b.symbol
    LEFT JOIN (SELECT DISTINCT symbol FROM told) k ON k.symbol = b.symbol
    WHERE b.date <= l.last_day
)
SELECT symbol, date, open_price, high_price, low_price, close_price, volume,
       CASE WHEN reason IS NULL THEN
           CASE source WHEN 'dividends' THEN close_price * factor WHEN 'provider' THEN provider_close ELSE close_price END
       END AS adjusted_close,
       source AS adjusted_close_source, 1e0 / splits_since AS split_factor,
       CASE WHEN reason IS NULL THEN
           CASE source WHEN 'dividends' THEN factor WHEN 'provider' THEN provider_close / NULLIF(close_price, 0e0) END
       END AS dividend_factor,
       CASE WHEN is_unknown THEN 'split_unknown' WHEN source = 'splits' THEN 'no_dividends_known'
            WHEN source = 'provider' AND provider_close IS NULL THEN 'adjusted_close_missing' ELSE reason END AS reason
FROM adjusted
