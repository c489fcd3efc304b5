-- market_caps(symbols, dates, price_age_limit := {{PRICE_AGE_LIMIT_DAYS}}, shares_age_limit := {{QUARTER_AGE_LIMIT_DAYS}}, vintage := 'known', pairs := NULL, availability := 'close'): return market capitalisations
-- Grain: one row per requested symbol and date, also where the answer is NULL; `reason` gives the cause.
-- Parameters:
-- - price_age_limit: calendar days that the price may be older than the date.
-- - shares_age_limit: days after which a quarter's share count is stale; a year's gets {{FISCAL_YEAR_EXTRA_AGE_DAYS}} more.
-- - vintage: the version of the share counts (see checked_vintage).
-- - pairs: an array of symbol_date; with it, the answer has one row for each pair, and no other row.
-- - availability: see availability_lag_days.
-- Point in time: no bar after the date, no count before its available_date.
-- Rules:
-- - market_cap = close_price x shares_outstanding x split_factor, in the currency of the quote.
-- - The price is the last bar on or before the date, on its own split basis.
-- - The share count is that of shares_as_of.
-- - split_factor converts the share count to the split basis of the price.
CREATE OR REPLACE FUNCTION market_caps(
    symbols text[], dates date[], price_age_limit integer DEFAULT {{PRICE_AGE_LIMIT_DAYS}}, shares_age_limit integer DEFAULT {{QUARTER_AGE_LIMIT_DAYS}},
    vintage text DEFAULT 'known', pairs symbol_date[] DEFAULT NULL, availability text DEFAULT 'close'
) RETURNS TABLE (
    symbol text, date date, price_date date, close_price double precision, shares_outstanding double precision,
    market_cap double precision, shares_source text, shares_fiscal_date date, shares_available_date date,
    split_factor double precision, price_age_days bigint, shares_age_days bigint, reason text, multi_class boolean
)
{{planned}}
BEGIN ATOMIC
WITH grid AS (
    SELECT s.symbol, d.date
    FROM (SELECT DISTINCT symbol FROM unnest(symbols) AS symbol) s
    CROSS JOIN (SELECT DISTINCT date FROM unnest(dates) AS date) d
    WHERE pairs IS NULL
    UNION ALL
    SELECT DISTINCT c.symbol, c.date FROM unnest(pairs) AS c
),
basis_factors AS MATERIALIZED (SELECT * FROM split_factors l WHERE l.symbol = ANY (symbols)),
shared AS MATERIALIZED (SELECT m.symbol FROM multi_class_symbols m WHERE m.symbol = ANY (symbols)),
priced AS (
    SELECT g.symbol, g.date, p.date AS price_date, p.close_price AS close,
           coalesce(p.split_basis_date, {{LAST_DAY}}) AS price_basis
    FROM grid g
    -- One index look-up per pair. The lower bound ends it early where a symbol has not traded for long.
    LEFT JOIN LATERAL (
        SELECT b.date, b.close_price, b.split_basis_date FROM price_data b
        WHERE b.symbol = g.symbol AND b.date <= g.date AND b.date >= g.date - price_age_limit
        ORDER BY b.date DESC LIMIT 1) p ON true
),
facts AS (
    SELECT c.symbol, c.date, c.price_date, c.close, s.shares, s.source, s.fiscal_date, s.available_date,
           c.date - s.fiscal_date AS shares_age_days, coalesce(t.cumulative_split_factor / b.cumulative_split_factor, 1) AS splits_since,
           s.cumulative_split_factor / coalesce(b.cumulative_split_factor, 1) AS factor, m.symbol IS NOT NULL AS multi_class,
           CASE WHEN c.close IS NULL THEN 'no_price_within_limit' END AS price_reason,
           CASE WHEN s.symbol IS NULL THEN 'no_share_count_known'
                WHEN s.shares IS NULL THEN 'shares_reported_as_zero_or_missing'
                WHEN c.date - s.fiscal_date > shares_age_limit + s.period_days - {{QUARTER_DAYS}} THEN 'share_count_stale'
           END AS shares_reason
    FROM priced c
    LEFT JOIN share_counts_by_year(symbols, dates, vintage, availability) s
      ON s.symbol = c.symbol AND s.in_year = date_part('year', c.date)::integer
     AND c.date >= s.valid_from AND c.date < s.valid_to
    -- The interval of the bar's day, and that of its split basis.
    LEFT JOIN basis_factors t ON t.symbol = c.symbol AND c.price_date >= t.from_date AND c.price_date < t.to_date
    LEFT JOIN basis_factors b
      ON b.symbol = c.symbol AND c.price_basis >= b.from_date AND c.price_basis < b.to_date
     AND c.price_date IS NOT NULL
    LEFT JOIN shared m ON m.symbol = c.symbol
)
SELECT symbol, date, price_date, unrounded_close(close, splits_since), shares,
       CASE WHEN price_reason IS NULL AND shares_reason IS NULL
            THEN unrounded_close(close, splits_since) * shares * factor END,
       source, fiscal_date, available_date,
       CASE WHEN close IS NOT NULL AND shares IS NOT NULL THEN factor END,
       date - price_date, shares_age_days,
       CASE WHEN price_reason IS NULL THEN shares_reason
            WHEN shares_reason IS NULL THEN price_reason
            ELSE price_reason || '; ' || shares_reason END,
       multi_class
FROM facts;
END;
