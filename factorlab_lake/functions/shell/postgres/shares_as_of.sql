-- shares_as_of(symbols, dates, vintage := 'known', availability := 'close'): return the newest share count known at each date
-- Grain: one row per requested symbol and date for which any count was known.
-- Parameters:
-- - vintage: see checked_vintage. With 'latest', shares_available_date may lie after the date.
-- - availability: see availability_lag_days.
-- Point in time: only counts with available_date <= date.
-- Rules:
-- - The count of the latest day wins, then the preferred source, then the newest version (see share_counts.rank).
-- - Zero is missing, and any real count wins over it. shares_outstanding is NULL where all known counts are missing.
CREATE OR REPLACE FUNCTION shares_as_of(
    symbols text[], dates date[], vintage text DEFAULT 'known', availability text DEFAULT 'close'
)
RETURNS TABLE (
    symbol text, date date, shares_outstanding double precision, shares_source text, shares_fiscal_date date,
    shares_available_date date, split_basis_date date, shares_age_days bigint
)
{{planned}}
BEGIN ATOMIC
SELECT s.symbol, d.date, s.shares, s.source, s.fiscal_date, s.available_date, s.split_basis_date,
       d.date - s.fiscal_date
FROM (SELECT DISTINCT day AS date, date_part('year', day)::integer AS in_year FROM unnest(dates) AS day) d
JOIN share_counts_by_year(symbols, dates, vintage, availability) s
  ON s.in_year = d.in_year AND d.date >= s.valid_from AND d.date < s.valid_to;
END;
