-- closes: return the bars of some days as market_caps uses them
-- Grain: one row per symbol and day with a close.
-- Parameters:
-- - symbols: the symbols.
-- - first, last: the days, both included.
-- Columns:
-- - day: days since 1970-01-01.
-- - close: the close without the rounding of a split adjustment.
-- - basis: the split basis, in days since 1970-01-01.
-- - level: the number of today's shares that stand for one share of its price; 0 if it is unknown.
WITH bars AS (
    SELECT symbol, date, date AS price_date, close_price AS close, coalesce(split_basis_date, {{LAST_DAY}}) AS price_basis
    FROM price_data
    WHERE close_price IS NOT NULL AND date BETWEEN $first AND $last AND symbol IN (SELECT unnest($symbols::VARCHAR[]))
),
{{prices}}
SELECT symbol, (date - {{EPOCH}})::INTEGER AS day, unrounded_close(close, splits_since) AS close, (price_basis - {{EPOCH}})::INTEGER AS basis,
       coalesce(level, 0) AS level
FROM prices
