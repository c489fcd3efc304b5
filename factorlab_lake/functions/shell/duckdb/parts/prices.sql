-- The close of each bar, the splits since its day, and the cumulative split factor on its split basis.
prices AS (
    SELECT b.symbol, b.date, b.price_date, b.close, coalesce(t.cumulative_split_factor / s.cumulative_split_factor, 1) AS splits_since,
           coalesce(s.cumulative_split_factor, 1) AS basis_factor
    FROM bars b
    LEFT JOIN split_history t ON t.symbol = b.symbol AND b.price_date >= t.from_date AND b.price_date < t.to_date
    LEFT JOIN split_history s ON s.symbol = b.symbol AND b.price_basis >= s.from_date AND b.price_basis < s.to_date
)
