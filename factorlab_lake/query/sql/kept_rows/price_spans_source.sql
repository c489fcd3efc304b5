-- kept_rows.price_spans_source: from when until when each bar that is kept is the last one
-- Grain: one row per bar and calendar month with a day on which it is; `until` is exclusive, and at most 31 days later. The
-- close is as stored; splits_since and level are of split_levels, the latter on the bar's split basis.
-- Use: join on symbol, in_month = year(d) * 12 + month(d) and price_date <= d < until.
CREATE OR REPLACE VIEW kept_rows.price_spans_source AS
WITH bars AS (
    SELECT symbol, date AS price_date, close_price AS close,
           coalesce(split_basis_date, DATE '9999-12-30') AS price_basis,
           least(lead(date) OVER (PARTITION BY symbol ORDER BY date), date + 31) AS until
    FROM kept_rows.price_data
)
SELECT b.symbol, b.price_date, b.close, b.until, coalesce(t.level / l.level, 1) AS splits_since,
       coalesce(l.level, 1) AS level,
       unnest(range(year(b.price_date) * 12 + month(b.price_date),
                    year(b.until - 1) * 12 + month(b.until - 1) + 1)) AS in_month
FROM bars b
LEFT JOIN split_levels t ON t.symbol = b.symbol AND b.price_date >= t.from_date AND b.price_date < t.to_date
LEFT JOIN split_levels l ON l.symbol = b.symbol AND b.price_basis >= l.from_date AND b.price_basis < l.to_date;
