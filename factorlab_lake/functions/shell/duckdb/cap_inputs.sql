-- cap_inputs(symbols, dates, price_age_limit := {{PRICE_AGE_LIMIT_DAYS}}, vintage := 'known'): return the inputs of market caps
-- Grain: one row per requested symbol and date; a figure that is not known then is NULL.
-- Parameters:
-- - price_age_limit: calendar days that a bar may be older than the date.
-- - vintage: see checked_vintage.
-- Point in time: no bar after the date; share counts as in shares_as_of.
-- Rules:
-- - The price is the last bar on or before the date, as stored.
-- - splits_since is the product of the splits between the bar's day and its split basis (see unrounded_close).
-- - The share count is that of shares_as_of. has_count is true where any count is known, also a zero one.
-- - factor converts the share count to the split basis of the price.
CREATE OR REPLACE MACRO cap_inputs(symbols, dates, price_age_limit := {{PRICE_AGE_LIMIT_DAYS}}, vintage := 'known') AS TABLE
-- A number per symbol, because joins on numbers are faster than joins on text.
WITH requested AS MATERIALIZED (
    SELECT symbol, row_number() OVER ()::INTEGER AS id, symbol IN (SELECT symbol FROM multi_class_symbols) AS multi_class
    FROM (SELECT DISTINCT unnest(symbols) AS symbol)
),
-- Most symbols trade on the last market day: search there first, ...
days AS MATERIALIZED (
    SELECT d.date, max(p.date) AS market_day
    FROM (SELECT DISTINCT unnest(dates)::DATE AS date) d LEFT JOIN market_days p
      ON p.date <= d.date AND p.date >= d.date - price_age_limit::INTEGER
    GROUP BY d.date
),
hits AS MATERIALIZED (
    SELECT w.id, d.date, p.symbol, w.multi_class, p.date AS price_date, p.close_price AS close,
           coalesce(p.split_basis_date, {{LAST_DAY}}) AS price_basis
    FROM price_data p JOIN days d ON p.date = d.market_day JOIN requested w ON w.symbol = p.symbol
),
-- ... and on the earlier days within the limit only for the others.
missing AS MATERIALIZED (
    SELECT g.*
    FROM (FROM requested, days
          WHERE (SELECT count(*) FROM hits) < (SELECT count(*) FROM requested) * (SELECT count(*) FROM days)) g
    ANTI JOIN hits h ON h.id = g.id AND h.date = g.date
),
earlier AS (
    SELECT m.id, m.date, max(p.date) AS price_date, arg_max(p.close_price, p.date) AS close,
           arg_max(coalesce(p.split_basis_date, {{LAST_DAY}}), p.date) AS price_basis
    FROM price_data p
    JOIN (SELECT id, symbol, date, market_day - back::INTEGER AS day
          FROM missing, range(1, price_age_limit + 1) AS r(back)) m ON p.symbol = m.symbol AND p.date = m.day
    WHERE m.date - p.date <= price_age_limit
    GROUP BY m.id, m.date
),
pairs AS (
    FROM hits
    UNION ALL
    SELECT m.id, m.date, m.symbol, m.multi_class, e.price_date, e.close, e.price_basis
    FROM missing m LEFT JOIN earlier e ON e.id = m.id AND e.date = m.date
),
counts AS (SELECT w.id, s.* FROM share_counts_by_year(symbols, dates, vintage := vintage) s JOIN requested w ON w.symbol = s.symbol),
-- All pairs of intervals of one symbol: that of the bar's day and that of its split basis.
basis_factors AS (
    SELECT w.id, t.from_date AS traded_from, t.to_date AS traded_to, b.from_date AS basis_from, b.to_date AS basis_to,
           t.cumulative_split_factor / b.cumulative_split_factor AS splits_since, b.cumulative_split_factor
    FROM requested w JOIN split_factors t ON t.symbol = w.symbol JOIN split_factors b ON b.symbol = w.symbol
)
SELECT c.symbol, c.date, c.multi_class, c.price_date, c.close, coalesce(l.splits_since, 1) AS splits_since,
       s.id IS NOT NULL AS has_count, s.shares, s.source, s.fiscal_date, s.available_date, s.period_days,
       s.cumulative_split_factor / coalesce(l.cumulative_split_factor, 1) AS factor
FROM pairs c
LEFT JOIN counts s
  ON s.id = c.id AND s.in_year = year(c.date) AND c.date >= s.valid_from AND c.date < s.valid_to
LEFT JOIN basis_factors l
  ON l.id = c.id AND c.price_date >= l.traded_from AND c.price_date < l.traded_to
 AND c.price_basis >= l.basis_from AND c.price_basis < l.basis_to;
