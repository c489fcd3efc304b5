-- The close of each bar, the splits that adjust it since its day, and its level: the number of today's shares that stand for one
-- share of its price. A distribution since its day changes its price and no number of shares.
prices AS (
    SELECT b.symbol, b.date, b.price_date, b.close, b.price_basis,
           coalesce(t.cumulative_split_factor * t.distribution_factor / (s.cumulative_split_factor * s.distribution_factor), 1)
               AS splits_since,
           CASE WHEN s.symbol IS NULL THEN 1
                ELSE s.cumulative_split_factor * (s.distribution_factor / t.distribution_factor) END AS level
    FROM bars b
    LEFT JOIN split_history t ON t.symbol = b.symbol AND b.price_date >= t.from_date AND b.price_date < t.to_date
    LEFT JOIN split_history s ON s.symbol = b.symbol AND b.price_basis >= s.from_date AND b.price_basis < s.to_date
)
