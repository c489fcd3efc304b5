-- bar_order: find bars whose prices contradict each other
-- Grain: one row per symbol and day. The tolerance covers the rounding of adjusted prices.
SELECT symbol, date,
       CASE WHEN high_price < low_price THEN high_price WHEN close_off THEN close_price ELSE open_price END AS value,
       CASE WHEN high_price < low_price THEN 'high is below low'
            WHEN close_off THEN 'close is outside high and low' ELSE 'open is outside high and low' END AS detail
FROM (
    SELECT *, close_price > high_price * (1 + {{BAR_ORDER_TOLERANCE}}) OR close_price < low_price * (1 - {{BAR_ORDER_TOLERANCE}}) AS close_off,
           open_price > high_price * (1 + {{BAR_ORDER_TOLERANCE}}) OR open_price < low_price * (1 - {{BAR_ORDER_TOLERANCE}}) AS open_off
    FROM price_data
)
WHERE high_price < low_price OR close_off OR open_off
