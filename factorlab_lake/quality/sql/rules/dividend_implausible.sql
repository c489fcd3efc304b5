-- dividend_implausible: find dividends that are negative or exceed the price
-- Grain: one row per symbol and dividend. `expected` is the last close before it.
-- The close is compared only where no split lies between the dividend and the split basis of the bar.
WITH before AS (
    SELECT d.symbol, d.date, d.dividend, d.adjusted_dividend, p.close_price,
           p.date >= d.date - {{PRICE_AGE_LIMIT_DAYS}}
           AND NOT EXISTS (SELECT 1 FROM splits s WHERE s.symbol = d.symbol AND s.date > p.date AND s.date <= p.split_basis_date) AS comparable
    FROM dividends d ASOF LEFT JOIN price_data p ON p.symbol = d.symbol AND p.date < d.date
)
SELECT symbol, date, coalesce(dividend, adjusted_dividend) AS value, CASE WHEN comparable THEN close_price END AS expected,
       CASE WHEN least(dividend, adjusted_dividend) < 0 THEN 'negative' ELSE 'not below the price' END AS detail
FROM before
WHERE least(dividend, adjusted_dividend) < 0 OR (comparable AND dividend >= close_price)
