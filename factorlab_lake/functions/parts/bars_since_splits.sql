-- The bars of the requested symbols from first_day on, per share as counted after every split.
SELECT symbol, date, {{year_of_bar}}is_unknown, splits_since, open_price / splits_since AS open_price, high_price / splits_since AS high_price,
       low_price / splits_since AS low_price, close_price / splits_since AS close_price,
       volume * splits_since / distributed AS volume, adjusted_close / splits_since AS provider_close
FROM (
    SELECT p.symbol, p.date, s.symbol IS NOT NULL AND s.cumulative_split_factor IS NULL AS is_unknown,
           CASE WHEN s.symbol IS NULL THEN 1e0 ELSE s.cumulative_split_factor * s.distribution_factor END AS splits_since,
           COALESCE(s.distribution_factor, 1e0) AS distributed, p.open_price, p.high_price, p.low_price, p.close_price, p.volume,
           p.adjusted_close
    FROM price_data p
    LEFT JOIN split_history s
      ON s.symbol = p.symbol AND p.split_basis_date >= s.from_date AND p.split_basis_date < s.to_date
    WHERE p.symbol {{among_requested}} AND p.date >= {{first_day}}
) AS priced
