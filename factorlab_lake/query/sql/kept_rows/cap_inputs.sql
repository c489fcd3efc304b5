-- kept_rows.cap_inputs(symbols, dates, price_age_limit := 10, vintage := 'known'): cap_inputs of symbols whose bars are kept
-- Grain, point in time and vintage: as cap_inputs; price_age_limit is 30 at most. It is planned in half the time,
-- which for few symbols is most of it.
CREATE OR REPLACE MACRO kept_rows.cap_inputs(symbols, dates, price_age_limit := 10, vintage := 'known') AS TABLE
SELECT g.symbol, g.date, g.symbol IN (SELECT symbol FROM multi_class_symbols) AS multi_class,
       p.price_date, p.close, coalesce(p.splits_since, 1) AS splits_since,
       s.symbol IS NOT NULL AS has_count, s.shares, s.source, s.fiscal_date, s.available_date, s.period_days,
       s.level / coalesce(p.level, 1) AS factor
FROM (SELECT symbol, date, year(date) * 12 + month(date) AS in_month
      FROM (SELECT DISTINCT unnest(symbols) AS symbol), (SELECT DISTINCT unnest(dates)::DATE AS date)) g
LEFT JOIN kept_rows.price_spans p
  ON p.symbol = g.symbol AND p.in_month = g.in_month AND g.date >= p.price_date AND g.date < p.until
 AND g.date - p.price_date <= price_age_limit
LEFT JOIN (FROM standing_share_counts WHERE of_vintage = checked_vintage(vintage) OR NOT restated) s
  ON s.symbol = g.symbol AND g.date >= s.known_from AND g.date < s.known_until;
