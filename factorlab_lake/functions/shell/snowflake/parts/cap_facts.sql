{{bars}},
{{counts}},
-- Snowflake has no subquery among the columns of a SELECT, so these are joined.
shown AS (SELECT DISTINCT symbol FROM company_symbols WHERE is_main_unit),
classes AS (SELECT DISTINCT symbol FROM multi_class_symbols),
priced AS (
    SELECT b.*, COALESCE(t.cumulative_split_factor * t.distribution_factor
                         / NULLIF(s.cumulative_split_factor * s.distribution_factor, 0), 1) AS splits_since,
           CASE WHEN s.symbol IS NULL THEN 1
                ELSE NULLIF(s.cumulative_split_factor * (s.distribution_factor / NULLIF(t.distribution_factor, 0)), 0) END AS level
    FROM bars AS b
    LEFT JOIN split_history AS t ON t.symbol = b.symbol AND b.price_date >= t.from_date AND b.price_date < t.to_date
    LEFT JOIN split_history AS s ON s.symbol = b.symbol AND b.price_basis >= s.from_date AND b.price_basis < s.to_date
),
cap_facts AS (
    SELECT r.symbol, r.date, r.day, {{unrounded_close}} / COALESCE(f.quoted_units, 1) AS quoted_close,
           p.price_date, p.price_date - {{EPOCH}} AS price_day,
           c.shares, c.source AS shares_source, c.fiscal_date AS shares_fiscal_date,
           c.fiscal_date - {{EPOCH}} AS shares_fiscal_day, c.available_date AS shares_available_date,
           c.extra_age_days, c.reason AS count_reason,
           c.cumulative_split_factor / CASE WHEN p.symbol IS NULL THEN 1 ELSE p.level END AS split_factor,
           c.split_basis_date - {{EPOCH}} AS shares_basis_day, p.price_basis - {{EPOCH}} AS price_basis_day,
           c.same_from - {{EPOCH}} AS same_from_day, c.same_to - {{EPOCH}} AS same_to_day, k.told_to - {{EPOCH}} AS told_day,
           {{quote_currency}} AS currency, f.shares_per_receipt, f.receipt_reason,
           CASE WHEN f.currency IS NULL AND {{is_quote_unit_unknown}} THEN 'quote_unit_unknown' END AS quote_reason,
           m.symbol IS NOT NULL AS multi_class,
           c.company_id, c.statement_provider, {{arg_shares_age_limit}} AS shares_age_limit
    FROM requested AS r
    LEFT JOIN priced AS p ON p.symbol = r.symbol AND p.date = r.date
    LEFT JOIN counts AS c ON c.symbol = r.symbol AND c.date = r.date
    LEFT JOIN split_lists AS k ON k.symbol = r.symbol
    LEFT JOIN instruments AS f ON f.symbol = r.symbol AND r.date >= f.valid_from AND LEAST(r.date, {{LAST_DAY}}) < f.valid_to
    LEFT JOIN shown AS u ON u.symbol = r.symbol
    LEFT JOIN classes AS m ON m.symbol = r.symbol
)
