-- several_dividends: find days on which a symbol has more than one dividend
-- Grain: one row per symbol and day. `value` is their sum. All of them count; the same dividend told twice would count twice.
SELECT symbol, date, sum(dividend) AS value, count(*) || ' dividends: ' || string_agg(dividend, ', ' ORDER BY dividend) AS detail
FROM dividends
GROUP BY symbol, date
HAVING count(*) > 1
