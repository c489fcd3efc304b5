{{count_vintages}},
basis_factors AS MATERIALIZED (SELECT * FROM split_history h WHERE h.symbol = ANY (symbols)),
quoted AS MATERIALIZED (SELECT * FROM instruments i WHERE i.symbol = ANY (symbols)),
shared AS MATERIALIZED (SELECT m.symbol FROM multi_class_symbols m WHERE m.symbol = ANY (symbols)),
-- Where TimescaleDB stores bars in chunks, they are children of the table.
stored AS MATERIALIZED (SELECT EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = 'price_data'::regclass) AS in_chunks),
priced AS (
    -- One index look-up per row. The lower bound ends it early where a symbol has not traded for long.
    SELECT r.symbol, r.date, r.day, b.price_date, b.close, b.price_basis
    FROM requested r
    LEFT JOIN LATERAL (
        SELECT p.date AS price_date, p.close_price AS close, coalesce(p.split_basis_date, {{LAST_DAY}}) AS price_basis
        FROM price_data p
        WHERE p.symbol = r.symbol AND p.date <= r.date AND p.date >= r.date - {{price_age_limit}} AND p.close_price IS NOT NULL
        ORDER BY p.date DESC LIMIT 1) b ON true
    WHERE NOT (SELECT in_chunks FROM stored)
    UNION ALL
    -- Each look-up in a compressed chunk unpacks a block of a thousand bars, so 1000 x 120 took 7 to 10 s instead of 2. Here the
    -- bars of a symbol are read once into arrays, which are searched by date. Dates far apart are read in several groups: a group
    -- has on average a date in each 100 days.
    SELECT s.symbol, d.date, d.date - {{EPOCH}}, CASE WHEN d.is_known THEN a.days[d.place] END,
           CASE WHEN d.is_known THEN a.closes[d.place] END, CASE WHEN d.is_known THEN a.bases[d.place] END
    FROM (SELECT r.symbol, array_agg(r.date) AS dates, min(r.date) - {{price_age_limit}} AS first_day, max(r.date) AS last_day
          FROM requested r
          GROUP BY r.symbol, r.day / (SELECT 100 * count(*) FROM (SELECT DISTINCT q.date FROM requested q) q)) s
    CROSS JOIN LATERAL (
        SELECT array_agg(o.date) AS days, array_agg(o.close) AS closes, array_agg(o.price_basis) AS bases
        FROM (SELECT p.date, p.close_price AS close, coalesce(p.split_basis_date, {{LAST_DAY}}) AS price_basis
              FROM price_data p
              WHERE p.symbol = s.symbol AND p.date BETWEEN s.first_day AND s.last_day AND p.close_price IS NOT NULL
              ORDER BY p.date) o) a
    CROSS JOIN LATERAL (
        SELECT e.date, e.place, a.days[e.place] >= e.date - {{price_age_limit}} AS is_known
        FROM (SELECT u.date, width_bucket(u.date, a.days) AS place FROM unnest(s.dates) AS u (date) OFFSET 0) e) d
    WHERE (SELECT in_chunks FROM stored)
),
cap_facts AS (
    SELECT r.symbol, r.date, r.day,
           unrounded_close(r.close, coalesce(t.cumulative_split_factor * t.distribution_factor
                                         / nullif(s.cumulative_split_factor * s.distribution_factor, 0), 1))
               / coalesce(f.quoted_units, 1) AS quoted_close,
           r.price_date, r.price_date - {{EPOCH}} AS price_day,
           c.shares, c.source AS shares_source, c.fiscal_date AS shares_fiscal_date,
           c.fiscal_date - {{EPOCH}} AS shares_fiscal_day, c.available_date AS shares_available_date,
           c.extra_age_days, c.reason AS count_reason,
           c.cumulative_split_factor / CASE WHEN s.symbol IS NULL THEN 1
               ELSE nullif(s.cumulative_split_factor * (s.distribution_factor / nullif(t.distribution_factor, 0)), 0) END AS split_factor,
           c.split_basis_date - {{EPOCH}} AS shares_basis_day, r.price_basis - {{EPOCH}} AS price_basis_day,
           c.same_from - {{EPOCH}} AS same_from_day, c.same_to - {{EPOCH}} AS same_to_day, k.told_to - {{EPOCH}} AS told_day,
           {{quote_currency}} AS currency, f.shares_per_receipt, f.receipt_reason,
           CASE WHEN f.currency IS NULL AND {{is_quote_unit_unknown}} THEN 'quote_unit_unknown' END AS quote_reason,
           r.symbol IN (SELECT m.symbol FROM shared m) AS multi_class,
           c.company_id, c.statement_provider, {{shares_age_limit}} AS shares_age_limit
    FROM priced r
    JOIN count_vintages v ON v.symbol = r.symbol
    LEFT JOIN LATERAL (
        SELECT * FROM share_count_history h
        WHERE h.symbol = r.symbol AND h.of_vintage = v.vintage AND h.valid_from <= r.date
        ORDER BY h.valid_from DESC LIMIT 1) c ON c.valid_to > r.date
    LEFT JOIN basis_factors t ON t.symbol = r.symbol AND r.price_date >= t.from_date AND r.price_date < t.to_date
    LEFT JOIN basis_factors s ON s.symbol = r.symbol AND r.price_basis >= s.from_date AND r.price_basis < s.to_date
    LEFT JOIN split_lists k ON k.symbol = r.symbol
    LEFT JOIN quoted f ON f.symbol = r.symbol AND r.date >= f.valid_from AND least(r.date, {{LAST_DAY}}) < f.valid_to
)
