{{count_vintages}},
basis_factors AS MATERIALIZED (SELECT * FROM split_history h WHERE h.symbol = ANY (symbols)),
quoted AS MATERIALIZED (SELECT * FROM instruments i WHERE i.symbol = ANY (symbols)),
shared AS MATERIALIZED (SELECT m.symbol FROM multi_class_symbols m WHERE m.symbol = ANY (symbols)),
cap_facts AS (
    SELECT r.symbol, r.date, r.day,
           unrounded_close(b.close, coalesce(t.cumulative_split_factor * t.distribution_factor
                                         / nullif(s.cumulative_split_factor * s.distribution_factor, 0), 1))
               / coalesce(f.quoted_units, 1) AS quoted_close,
           b.price_date, b.price_date - {{EPOCH}} AS price_day,
           c.shares, c.source AS shares_source, c.fiscal_date AS shares_fiscal_date,
           c.fiscal_date - {{EPOCH}} AS shares_fiscal_day, c.available_date AS shares_available_date,
           c.extra_age_days, c.reason AS count_reason,
           c.cumulative_split_factor / CASE WHEN s.symbol IS NULL THEN 1
               ELSE nullif(s.cumulative_split_factor * (s.distribution_factor / nullif(t.distribution_factor, 0)), 0) END AS split_factor,
           c.split_basis_date - {{EPOCH}} AS shares_basis_day, b.price_basis - {{EPOCH}} AS price_basis_day,
           c.same_from - {{EPOCH}} AS same_from_day, c.same_to - {{EPOCH}} AS same_to_day, k.told_to - {{EPOCH}} AS told_day,
           {{quote_currency}} AS currency, f.shares_per_receipt, f.receipt_reason,
           CASE WHEN f.currency IS NULL AND {{is_quote_unit_unknown}} THEN 'quote_unit_unknown' END AS quote_reason,
           r.symbol IN (SELECT m.symbol FROM shared m) AS multi_class,
           c.company_id, c.statement_provider, {{shares_age_limit}} AS shares_age_limit
    FROM requested r
    JOIN count_vintages v ON v.symbol = r.symbol
    -- One index look-up per row. The lower bound ends it early where a symbol has not traded for long.
    LEFT JOIN LATERAL (
        SELECT p.date AS price_date, p.close_price AS close, coalesce(p.split_basis_date, {{LAST_DAY}}) AS price_basis
        FROM price_data p
        WHERE p.symbol = r.symbol AND p.date <= r.date AND p.date >= r.date - {{price_age_limit}} AND p.close_price IS NOT NULL
        ORDER BY p.date DESC LIMIT 1) b ON true
    LEFT JOIN LATERAL (
        SELECT * FROM share_count_history h
        WHERE h.symbol = r.symbol AND h.of_vintage = v.vintage AND h.valid_from <= r.date
        ORDER BY h.valid_from DESC LIMIT 1) c ON c.valid_to > r.date
    LEFT JOIN basis_factors t ON t.symbol = r.symbol AND b.price_date >= t.from_date AND b.price_date < t.to_date
    LEFT JOIN basis_factors s ON s.symbol = r.symbol AND b.price_basis >= s.from_date AND b.price_basis < s.to_date
    LEFT JOIN split_lists k ON k.symbol = r.symbol
    LEFT JOIN quoted f ON f.symbol = r.symbol AND r.date >= f.valid_from AND least(r.date, {{LAST_DAY}}) < f.valid_to
)
