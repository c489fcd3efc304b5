-- The last bar with a close on the day or on one of the days before. All symbols share the days, so the join is on the day.
-- By the year, DuckDB opens only the files of the years.
bars AS (
    SELECT p.symbol, d.date, max(p.date) AS price_date, arg_max(p.close_price, p.date) AS close,
           arg_max(coalesce(p.split_basis_date, {{LAST_DAY}}), p.date) AS price_basis
    FROM (SELECT date, date - back::INTEGER AS back_day
          FROM (SELECT DISTINCT date FROM requested), range({{price_age_limit}} + 1) AS r(back)) d
    JOIN price_data p ON p.date = d.back_day AND p.year = year(d.back_day)
    WHERE p.close_price IS NOT NULL AND p.symbol IN (SELECT symbol FROM requested)
    GROUP BY p.symbol, d.date
)
