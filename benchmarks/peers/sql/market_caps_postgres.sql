-- Market caps on a server: for each pair the last close and the newest share count by a bounded index look-up.
-- Parameters: %(symbols)s text[], %(dates)s date[].
-- Grain: one row per symbol and date, ordered so. Point in time: available_date <= date.
-- Simpler than the lake's: no amended statements, one split a symbol at most, no other share counts, no reasons.
WITH facts AS (
    SELECT s.symbol, d.date, p.close_price, p.date AS price_date, p.split_basis_date AS price_basis,
           i.fiscal_date, i.weighted_average_shares_outstanding AS shares,
           CASE WHEN p.date < x.date AND x.date <= p.split_basis_date THEN x.numerator / x.denominator END AS since,
           CASE WHEN p.split_basis_date < x.date AND x.date <= i.split_basis_date
                THEN x.denominator / x.numerator ELSE 1 END AS split_factor
    FROM unnest(%(symbols)s::text[]) AS s (symbol) CROSS JOIN unnest(%(dates)s::date[]) AS d (date)
    LEFT JOIN LATERAL (
        SELECT date, close_price, split_basis_date FROM price_data b
        WHERE b.symbol = s.symbol AND b.date <= d.date AND b.date >= d.date - 10
        ORDER BY b.date DESC LIMIT 1) p ON true
    LEFT JOIN LATERAL (
        SELECT fiscal_date, split_basis_date, weighted_average_shares_outstanding FROM income_statements q
        WHERE q.symbol = s.symbol AND q.fiscal_date <= d.date AND q.fiscal_date >= d.date - 200
          AND q.available_date <= d.date
        ORDER BY q.fiscal_date DESC LIMIT 1) i ON true
    LEFT JOIN splits x ON x.symbol = s.symbol
),
exact AS (
    SELECT *, CASE WHEN abs(close_price * 1e4 - round(close_price * 1e4)) < 1e-5
                    AND abs(close_price * since - round((close_price * since)::numeric, 2)) <= 5.01e-5 * since
                   THEN round((close_price * since)::numeric, 2)::float8 / since ELSE close_price END AS traded
    FROM facts
)
SELECT symbol, date, traded * shares * split_factor AS market_cap FROM exact ORDER BY symbol, date
