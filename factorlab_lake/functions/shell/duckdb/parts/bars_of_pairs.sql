-- The last bar with a close on the day or on one of the days before. Each row looks up its own days.
-- By the year, DuckDB opens only the files of the years.
bars AS (
    SELECT m.symbol, m.date, max(p.date) AS price_date, arg_max(p.close_price, p.date) AS close,
           arg_max(coalesce(p.split_basis_date, {{LAST_DAY}}), p.date) AS price_basis
    FROM (SELECT symbol, date, date - back::INTEGER AS back_day FROM requested, range({{price_age_limit}} + 1) AS r(back)) m
    JOIN price_data p ON p.symbol = m.symbol AND p.date = m.back_day AND p.year = year(m.back_day)
    WHERE p.close_price IS NOT NULL
    GROUP BY m.symbol, m.date
)
