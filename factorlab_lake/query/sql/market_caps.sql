-- market_caps(symbols, dates, price_age_limit := 10, shares_age_limit := 200)
-- Grain: one row per requested symbol and date, also where the answer is NULL; `reason` then says why.
-- market_cap = close_price x shares_outstanding x split_factor, in the currency the symbol is quoted in.
-- Price: the last bar on or before the date, at most price_age_limit calendar days old, on its own split basis.
-- Shares: shares_as_of; older than shares_age_limit days for a quarter's count (274 more for a year's) is stale.
-- split_factor brings the share count to the split basis of the price.
-- Point in time: no bar after the date, no count before its available_date.
CREATE OR REPLACE MACRO market_caps(symbols, dates, price_age_limit := 10, shares_age_limit := 200) AS TABLE
WITH wanted AS MATERIALIZED (SELECT DISTINCT unnest(symbols) AS symbol),
-- Most symbols trade on the last day on which any did: look there first, ...
days AS MATERIALIZED (
    SELECT d.date, max(p.date) AS market_day
    FROM (SELECT DISTINCT unnest(dates)::DATE AS date) d LEFT JOIN (SELECT DISTINCT date FROM price_data) p
      ON p.date <= d.date AND p.date >= d.date - price_age_limit::INTEGER
    GROUP BY d.date
),
hits AS MATERIALIZED (
    SELECT p.symbol, d.date, p.date AS price_date, p.close_price AS close, p.split_basis_date AS price_basis
    FROM price_data p JOIN days d ON p.date = d.market_day
    WHERE p.symbol IN (SELECT symbol FROM wanted)
),
-- ... and on each earlier day within the limit only for those that did not.
missing AS MATERIALIZED (
    SELECT g.symbol, g.date, g.market_day
    FROM (FROM wanted, days
          WHERE (SELECT count(*) FROM hits) < (SELECT count(*) FROM wanted) * (SELECT count(*) FROM days)) g
    ANTI JOIN hits h ON h.symbol = g.symbol AND h.date = g.date
),
earlier AS (
    SELECT p.symbol, m.date, max(p.date) AS price_date, arg_max(p.close_price, p.date) AS close,
           arg_max(p.split_basis_date, p.date) AS price_basis
    FROM price_data p
    JOIN (SELECT symbol, date, market_day - back::INTEGER AS day
          FROM missing, range(1, price_age_limit + 1) AS r(back)) m ON p.symbol = m.symbol AND p.date = m.day
    WHERE m.date - p.date <= price_age_limit
    GROUP BY p.symbol, m.date
),
cells AS (
    FROM hits
    UNION ALL
    SELECT m.symbol, m.date, e.price_date, e.close, e.price_basis
    FROM missing m LEFT JOIN earlier e ON e.symbol = m.symbol AND e.date = m.date
),
facts AS (
    SELECT c.*, s.shares, s.source, s.fiscal_date, s.available_date, c.date - s.fiscal_date AS shares_age_days,
           coalesce(traded.level, 1) / coalesce(priced.level, 1) AS splits_since,
           coalesce(counted.level, 1) / coalesce(priced.level, 1) AS factor,
           CASE WHEN c.close IS NULL THEN 'no_price_within_limit' END AS price_reason,
           CASE WHEN s.symbol IS NULL THEN 'no_share_count_known'
                WHEN s.shares IS NULL THEN 'shares_reported_as_zero_or_missing'
                WHEN c.date - s.fiscal_date > shares_age_limit + s.period_days - 91 THEN 'share_count_stale'
           END AS shares_reason
    FROM cells c
    LEFT JOIN share_spans(symbols, dates) s
      ON s.symbol = c.symbol AND s.in_year = year(c.date) AND c.date >= s.available_date AND c.date < s.until
    LEFT JOIN split_levels traded
      ON traded.symbol = c.symbol AND c.price_date >= traded.from_date AND c.price_date < traded.to_date
    LEFT JOIN split_levels priced
      ON priced.symbol = c.symbol AND c.price_basis >= priced.from_date AND c.price_basis < priced.to_date
    LEFT JOIN split_levels counted
      ON counted.symbol = c.symbol AND s.split_basis_date >= counted.from_date AND s.split_basis_date < counted.to_date
)
SELECT symbol, date, price_date, unrounded_close(close, splits_since) AS close_price, shares AS shares_outstanding,
       CASE WHEN price_reason IS NULL AND shares_reason IS NULL
            THEN unrounded_close(close, splits_since) * shares * factor END AS market_cap,
       source AS shares_source, fiscal_date AS shares_fiscal_date, available_date AS shares_available_date,
       CASE WHEN close IS NOT NULL AND shares IS NOT NULL THEN factor END AS split_factor,
       date - price_date AS price_age_days, shares_age_days,
       CASE WHEN price_reason IS NULL THEN shares_reason
            WHEN shares_reason IS NULL THEN price_reason
            ELSE price_reason || '; ' || shares_reason END AS reason,
       symbol IN (SELECT symbol FROM multi_class_symbols) AS multi_class
FROM facts;
