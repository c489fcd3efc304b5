-- shares_as_of(symbols, dates, vintage := 'known'): the newest share count known at each date
-- Grain: one row per requested symbol and date for which anything was known; shares_outstanding is NULL where
-- every count known by then was zero or missing.
-- Point in time: only counts with available_date <= date. Among those the one of the latest day counted,
-- then the preferred source, then the newest version. Zero means missing and gives way to any real count.
-- vintage (see checked_vintage): 'first' keeps the first version of each count, 'latest' uses hindsight: its
-- shares_available_date may lie after the date.
CREATE OR REPLACE FUNCTION shares_as_of(symbols text[], dates date[], vintage text DEFAULT 'known')
RETURNS TABLE (
    symbol text, date date, shares_outstanding double precision, shares_source text, shares_fiscal_date date,
    shares_available_date date, split_basis_date date, shares_age_days bigint
)
{{planned}}
BEGIN ATOMIC
SELECT s.symbol, d.date, s.shares, s.source, s.fiscal_date, s.available_date, s.split_basis_date,
       d.date - s.fiscal_date
FROM (SELECT DISTINCT day AS date, date_part('year', day)::integer AS in_year FROM unnest(dates) AS day) d
JOIN share_counts_by_year(symbols, dates, vintage) s
  ON s.in_year = d.in_year AND d.date >= s.valid_from AND d.date < s.valid_to;
END;
