-- duplicated_bars: find years whose bars equal another symbol's
-- Grain: one row per symbol and year with twenty or more bars. The other symbol is earlier in the alphabet.
WITH years AS (
    SELECT symbol, year, min(date) AS date, count(*) AS bars,
           hash(list((date, close_price, volume) ORDER BY date)) AS digest
    FROM price_data
    WHERE volume > 0
    GROUP BY symbol, year
    HAVING count(*) >= {{MIN_DUPLICATED_BARS}}
)
SELECT later.symbol, later.date, later.bars AS value, 'the bars of ' || min(other.symbol) AS detail
FROM years later JOIN years other ON later.year = other.year AND later.digest = other.digest AND later.bars = other.bars
    AND other.symbol < later.symbol
GROUP BY ALL
