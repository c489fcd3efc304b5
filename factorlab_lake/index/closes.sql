-- closes: return the bars of some days as market_caps uses them
-- Grain: one row per symbol and day with a close.
-- Parameters:
-- - symbols: the symbols.
-- - first, last: the days, both included.
-- Columns:
-- - day: days since 1970-01-01.
-- - close: the close without the rounding of a split adjustment.
-- - level: the number of today's shares that one share of the bar's split basis has become.
SELECT p.symbol, (p.date - {{EPOCH}})::INTEGER AS day,
       unrounded_close(p.close_price, coalesce(t.cumulative_split_factor / s.cumulative_split_factor, 1)) AS close,
       coalesce(s.cumulative_split_factor, 1) AS level
FROM price_data p
LEFT JOIN split_history t ON t.symbol = p.symbol AND p.date >= t.from_date AND p.date < t.to_date
LEFT JOIN split_history s ON s.symbol = p.symbol AND coalesce(p.split_basis_date, {{LAST_DAY}}) >= s.from_date
                         AND coalesce(p.split_basis_date, {{LAST_DAY}}) < s.to_date
WHERE p.close_price IS NOT NULL AND p.date BETWEEN $first AND $last
  AND p.symbol IN (SELECT unnest($symbols::VARCHAR[]))
