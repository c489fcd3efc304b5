-- The bar of the day itself, ...
hits AS MATERIALIZED (
    SELECT r.symbol, r.date, p.date AS price_date, p.close_price AS close,
           coalesce(p.split_basis_date, {{LAST_DAY}}) AS price_basis
    FROM requested r JOIN price_data p ON p.symbol = r.symbol AND p.date = r.date
    WHERE p.close_price IS NOT NULL
),
-- ... and only for the other rows, the last bar on one of the days before.
earlier AS (
    SELECT m.symbol, m.date, max(p.date) AS price_date, arg_max(p.close_price, p.date) AS close,
           arg_max(coalesce(p.split_basis_date, {{LAST_DAY}}), p.date) AS price_basis
    FROM (SELECT symbol, date, date - back::INTEGER AS back_day
          FROM (FROM requested ANTI JOIN hits USING (symbol, date)), range(1, {{price_age_limit}} + 1) AS r(back)) m
    JOIN price_data p ON p.symbol = m.symbol AND p.date = m.back_day
    WHERE p.close_price IS NOT NULL
    GROUP BY m.symbol, m.date
),
bars AS (FROM hits UNION ALL FROM earlier),
-- Without the year in the join, every date is compared with every interval of its symbol.
counts AS (
    SELECT *, unnest(range(year(greatest(valid_from, (SELECT min(date) FROM requested))),
                           year(least(valid_to, (SELECT max(date) FROM requested))) + 1)) AS in_year
    FROM share_count_history
    WHERE (of_vintage = checked_vintage({{vintage}}) OR NOT restated) AND symbol IN (SELECT symbol FROM requested)
),
cap_facts AS (
    SELECT r.symbol, r.date, r.day,
           unrounded_close(b.close, coalesce(t.cumulative_split_factor / s.cumulative_split_factor, 1)) AS close_price,
           b.price_date, (b.price_date - {{EPOCH}})::INTEGER AS price_day,
           c.shares, c.source AS shares_source, c.fiscal_date AS shares_fiscal_date,
           (c.fiscal_date - {{EPOCH}})::INTEGER AS shares_fiscal_day, c.available_date AS shares_available_date,
           c.period_days, c.cumulative_split_factor / coalesce(s.cumulative_split_factor, 1) AS split_factor,
           f.currency, r.symbol IN (SELECT symbol FROM multi_class_symbols) AS multi_class,
           c.company_id, c.statement_provider, {{shares_age_limit}} AS shares_age_limit
    FROM requested r
    LEFT JOIN bars b ON b.symbol = r.symbol AND b.date = r.date
    LEFT JOIN split_history t ON t.symbol = b.symbol AND b.price_date >= t.from_date AND b.price_date < t.to_date
    LEFT JOIN split_history s ON s.symbol = b.symbol AND b.price_basis >= s.from_date AND b.price_basis < s.to_date
    LEFT JOIN counts c ON c.symbol = r.symbol AND c.in_year = r.in_year AND r.date >= c.valid_from AND r.date < c.valid_to
    LEFT JOIN company_profiles f ON f.symbol = r.symbol
)
