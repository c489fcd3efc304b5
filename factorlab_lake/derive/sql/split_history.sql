-- split_history: compute how many of today's shares one share of a given day has become
-- Grain: one row per symbol and interval [from_date, to_date) between two splits; a symbol without a split has none.
-- Rules:
-- - cumulative_split_factor of day a divided by that of day b is the product of the split ratios with a < ex-date <= b.
CREATE OR REPLACE TEMP TABLE split_history AS
WITH ordered AS (
    SELECT symbol, date AS ex_date,
           product(numerator / denominator) OVER (PARTITION BY symbol ORDER BY date DESC) AS cumulative_split_factor,
           coalesce(lag(date) OVER (PARTITION BY symbol ORDER BY date), {{BEGINNING_OF_TIME}}) AS previous
    FROM splits WHERE symbol IN (SELECT symbol FROM derived_symbols)
)
SELECT symbol, previous AS from_date, ex_date AS to_date, cumulative_split_factor FROM ordered
UNION ALL
SELECT symbol, max(ex_date), {{END_OF_TIME}}, 1.0 FROM ordered GROUP BY symbol;
