-- duplicated_bars: a year's bars that are another symbol's
-- Grain: one row per symbol and year of twenty or more bars; the other symbol comes earlier in the alphabet.
WITH years AS (
    SELECT symbol, year, min(date) AS date, count(*) AS bars,
           hash(list((date, close_price, volume) ORDER BY date)) AS digest
    FROM price_data
    WHERE volume > 0
    GROUP BY symbol, year
    HAVING count(*) >= {{MIN_DUPLICATED_BARS}}
)
SELECT mine.symbol, mine.date, mine.bars AS value, 'the bars of ' || min(other.symbol) AS detail
FROM years mine JOIN years other ON mine.year = other.year AND mine.digest = other.digest AND mine.bars = other.bars
    AND other.symbol < mine.symbol
GROUP BY ALL
