-- The last bar with a close on the day or on one of the days before. Each row looks up its own days by an equality, which every
-- engine answers with a hash join: a condition on a range compares each date with every bar of its symbol.
bars AS (
    SELECT r.symbol, r.date, max(p.date) AS price_date, max_by(p.close_price, p.date) AS close,
           max_by(coalesce(p.split_basis_date, {{LAST_DAY}}), p.date) AS price_basis
    FROM (SELECT q.symbol, q.date, date_sub(q.date, b.back) AS back_day
          FROM requested q CROSS JOIN (SELECT explode(sequence(0, {{price_age_limit}})) AS back) b) r
    JOIN price_data p ON p.symbol = r.symbol AND p.date = r.back_day
    WHERE p.close_price IS NOT NULL AND p.year BETWEEN {{first_year}} AND {{last_year}}
    GROUP BY r.symbol, r.date
),
-- splits_since and level are explained in the file prices.sql of DuckDB.
prices AS (
    SELECT b.symbol, b.date, b.price_date, b.close, b.price_basis,
           coalesce(t.cumulative_split_factor * t.distribution_factor
                    / nullif(s.cumulative_split_factor * s.distribution_factor, 0), 1) AS splits_since,
           CASE WHEN s.symbol IS NULL THEN 1
                ELSE s.cumulative_split_factor * (s.distribution_factor / nullif(t.distribution_factor, 0)) END AS level
    FROM bars b
    LEFT JOIN split_history t ON t.symbol = b.symbol AND b.price_date >= t.from_date AND b.price_date < t.to_date
    LEFT JOIN split_history s ON s.symbol = b.symbol AND b.price_basis >= s.from_date AND b.price_basis < s.to_date
),
counts AS (
    SELECT * FROM share_count_history
    WHERE symbol IN (SELECT symbol FROM requested) AND bucket IN ({{buckets_of_share_count_history}})
      AND (of_vintage = {{vintage}} OR NOT restated)
),
cap_facts AS (
    SELECT r.symbol, r.date, r.day, {{unrounded_close}} / coalesce(f.quoted_units, 1) AS quoted_close,
           p.price_date, datediff(p.price_date, {{EPOCH}}) AS price_day,
           c.shares, c.source AS shares_source, c.fiscal_date AS shares_fiscal_date,
           datediff(c.fiscal_date, {{EPOCH}}) AS shares_fiscal_day, c.available_date AS shares_available_date,
           c.extra_age_days, c.reason AS count_reason,
           c.cumulative_split_factor / CASE WHEN p.symbol IS NULL THEN 1 ELSE nullif(p.level, 0) END AS split_factor,
           datediff(c.split_basis_date, {{EPOCH}}) AS shares_basis_day, datediff(p.price_basis, {{EPOCH}}) AS price_basis_day,
           datediff(c.same_from, {{EPOCH}}) AS same_from_day, datediff(c.same_to, {{EPOCH}}) AS same_to_day,
           datediff(k.told_to, {{EPOCH}}) AS told_day,
           {{quote_currency}} AS currency, f.shares_per_receipt, f.receipt_reason,
           CASE WHEN f.currency IS NULL AND {{is_quote_unit_unknown}} THEN 'quote_unit_unknown' END AS quote_reason,
           m.symbol IS NOT NULL AS multi_class,
           c.company_id, c.statement_provider, {{shares_age_limit}} AS shares_age_limit
    FROM requested r
    LEFT JOIN prices p ON p.symbol = r.symbol AND p.date = r.date
    LEFT JOIN counts c ON c.symbol = r.symbol AND r.date >= c.valid_from AND r.date < c.valid_to
    LEFT JOIN split_lists k ON k.symbol = r.symbol
    LEFT JOIN instruments f ON f.symbol = r.symbol AND r.date >= f.valid_from AND least(r.date, {{LAST_DAY}}) < f.valid_to
    LEFT JOIN (SELECT DISTINCT symbol FROM multi_class_symbols) m ON m.symbol = r.symbol
    LEFT JOIN (SELECT DISTINCT symbol FROM company_symbols WHERE is_main_unit) u ON u.symbol = r.symbol
)
