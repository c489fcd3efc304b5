{{prices}},
-- Without the year in the join, every date is compared with every interval of its symbol.
counts AS (
    SELECT *, unnest(range(year(greatest(valid_from, {{first_date}})), year(least(valid_to, {{last_date}})) + 1)) AS in_year
    FROM share_count_history
    WHERE {{requested_in_share_count_history}} AND (of_vintage = checked_vintage({{vintage}}) OR NOT restated)
),
cap_facts AS (
    SELECT r.symbol, r.date, r.day, unrounded_close(p.close, p.splits_since) / coalesce(f.quoted_units, 1) AS quoted_close,
           p.price_date, (p.price_date - {{EPOCH}})::INTEGER AS price_day,
           c.shares, c.source AS shares_source, c.fiscal_date AS shares_fiscal_date,
           (c.fiscal_date - {{EPOCH}})::INTEGER AS shares_fiscal_day, c.available_date AS shares_available_date,
           c.extra_age_days, c.reason AS count_reason,
           c.cumulative_split_factor / CASE WHEN p.symbol IS NULL THEN 1 ELSE p.level END AS split_factor,
           (c.split_basis_date - {{EPOCH}})::INTEGER AS shares_basis_day, (p.price_basis - {{EPOCH}})::INTEGER AS price_basis_day,
           (c.same_from - {{EPOCH}})::INTEGER AS same_from_day, (c.same_to - {{EPOCH}})::INTEGER AS same_to_day,
           (k.told_to - {{EPOCH}})::INTEGER AS told_day,
           {{quote_currency}} AS currency, f.shares_per_receipt, f.receipt_reason,
           CASE WHEN f.currency IS NULL AND {{is_quote_unit_unknown}} THEN 'quote_unit_unknown' END AS quote_reason,
           r.symbol IN (SELECT symbol FROM multi_class_symbols) AS multi_class,
           c.company_id, c.statement_provider, {{shares_age_limit}} AS shares_age_limit
    FROM requested r
    LEFT JOIN prices p ON p.symbol = r.symbol AND p.date = r.date
    LEFT JOIN counts c ON c.symbol = r.symbol AND c.in_year = r.in_year AND r.date >= c.valid_from AND r.date < c.valid_to
    LEFT JOIN split_lists k ON k.symbol = r.symbol
    LEFT JOIN instruments f ON f.symbol = r.symbol AND r.date >= f.valid_from AND least(r.date, {{LAST_DAY}}) < f.valid_to
)
