bars AS (
    SELECT r.symbol, r.date, p.price_date, p.close, p.price_basis
    FROM requested AS r
    ASOF JOIN (
        SELECT symbol, date AS price_date, close_price AS close, COALESCE(split_basis_date, {{LAST_DAY}}) AS price_basis
        FROM price_data WHERE close_price IS NOT NULL
    ) AS p MATCH_CONDITION (r.date >= p.price_date) ON r.symbol = p.symbol
    WHERE r.date - p.price_date <= {{arg_price_age_limit}}
)
