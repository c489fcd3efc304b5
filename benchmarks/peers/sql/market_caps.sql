-- Market caps by two as-of joins and one look at the splits, with the figures they follow from.
-- Parameters: $first, $last (the span of the dates); the table `grid` holds symbol and date.
-- Grain: one row per row of grid, ordered by symbol and date. Point in time: available_date <= date.
-- Simpler than the lake's: no amended statements, one split a symbol at most, no other share counts, no reasons.
WITH prices AS (
    SELECT symbol, date AS price_date, close_price, split_basis_date AS price_basis
    FROM price_data
    WHERE date BETWEEN $first::DATE - 10 AND $last AND year BETWEEN year($first::DATE - 10) AND year($last::DATE)
),
counts AS (
    SELECT symbol, fiscal_date, available_date, split_basis_date AS share_basis,
           weighted_average_shares_outstanding AS shares_outstanding
    FROM income_statements
),
facts AS (
    SELECT g.symbol, g.date, p.close_price, p.price_date, c.shares_outstanding, c.fiscal_date, c.available_date,
           CASE WHEN p.price_date < s.date AND s.date <= p.price_basis THEN s.numerator / s.denominator END AS since,
           CASE WHEN p.close_price IS NULL OR c.shares_outstanding IS NULL THEN NULL
                WHEN p.price_basis < s.date AND s.date <= c.share_basis THEN s.denominator / s.numerator
                ELSE 1 END AS split_factor
    FROM grid g
    ASOF LEFT JOIN prices p ON g.symbol = p.symbol AND g.date >= p.price_date
    ASOF LEFT JOIN counts c ON g.symbol = c.symbol AND g.date >= c.available_date
    LEFT JOIN splits s ON g.symbol = s.symbol
),
-- A close that was divided by a later split was rounded then: shares trade in whole cents.
exact AS (
    SELECT *, CASE WHEN abs(close_price * 1e4 - round(close_price * 1e4)) < 1e-5
                    AND abs(close_price * since - round(close_price * since, 2)) <= 5.01e-5 * since
                   THEN round(close_price * since, 2) / since ELSE close_price END AS traded
    FROM facts
)
SELECT symbol, date, price_date, traded AS close_price, shares_outstanding,
       CASE WHEN date - price_date <= 10 AND date - fiscal_date <= 200
            THEN traded * shares_outstanding * split_factor END AS market_cap,
       fiscal_date AS shares_fiscal_date, available_date AS shares_available_date, split_factor,
       date - price_date AS price_age_days, date - fiscal_date AS shares_age_days
FROM exact ORDER BY symbol, date
