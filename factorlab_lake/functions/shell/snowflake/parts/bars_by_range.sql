bars AS (
    SELECT r.symbol, r.date, MAX(p.date) AS price_date, MAX_BY(p.close_price, p.date) AS close,
           MAX_BY(COALESCE(p.split_basis_date, {{LAST_DAY}}), p.date) AS price_basis
    FROM requested AS r
    JOIN price_data AS p ON p.symbol = r.symbol AND p.date <= r.date AND r.date - p.date <= {{arg_price_age_limit}}
    WHERE p.close_price IS NOT NULL
    GROUP BY r.symbol, r.date
)
