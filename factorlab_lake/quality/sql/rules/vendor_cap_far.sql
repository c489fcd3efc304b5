-- vendor_cap_far: the provider's newest market cap against the lake's
-- Grain: one row per symbol whose newest cap of the provider's differs by more than a quarter; `value` is the provider's,
-- `expected` the lake's of that day by what was public then. Where the lake has none there is nothing to compare.
WITH newest AS (
    SELECT symbol, max(date) AS date, arg_max(market_cap, date) AS market_cap
    FROM vendor_market_caps WHERE market_cap > 0 GROUP BY symbol
)
SELECT n.symbol, n.date, n.market_cap AS value, c.market_cap AS expected, c.shares_source AS detail
FROM newest n JOIN market_caps((SELECT list(DISTINCT symbol) FROM newest), (SELECT list(DISTINCT date) FROM newest)) c
    ON c.symbol = n.symbol AND c.date = n.date
WHERE abs(ln(n.market_cap / c.market_cap)) > ln({{LARGE_STEP_RATIO}})
