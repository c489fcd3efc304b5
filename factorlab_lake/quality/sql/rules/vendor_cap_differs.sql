-- vendor_cap_differs: compare the provider's newest market cap with the lake's
-- Grain: one row per symbol whose caps differ by more than a quarter. A symbol without a cap in the lake has no row.
-- `value` is the provider's cap. `expected` is the lake's cap of that day, as known then.
WITH newest AS (
    SELECT symbol, max(date) AS date, arg_max(market_cap, date) AS market_cap
    FROM vendor_market_caps WHERE market_cap > 0 GROUP BY symbol
)
SELECT n.symbol, n.date, n.market_cap AS value, c.market_cap AS expected, c.shares_source AS detail
FROM newest n JOIN market_caps((SELECT list(DISTINCT symbol) FROM newest), (SELECT list(DISTINCT date) FROM newest)) c
    ON c.symbol = n.symbol AND c.date = n.date
WHERE abs(ln(n.market_cap / c.market_cap)) > ln({{LARGE_STEP_RATIO}})
