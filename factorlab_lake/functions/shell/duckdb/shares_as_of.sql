-- shares_as_of(symbols, dates, vintage := 'known'): the newest share count known at each date
-- Grain: one row per requested symbol and date for which anything was known; shares_outstanding is NULL where
-- every count known by then was zero or missing.
-- Point in time: only counts with available_date <= date. Among those the one of the latest day counted,
-- then the preferred source, then the newest version. Zero means missing and gives way to any real count.
-- vintage (see checked_vintage): 'first' keeps the first version of each count, 'latest' uses hindsight: its
-- shares_available_date may lie after the date.
CREATE OR REPLACE MACRO shares_as_of(symbols, dates, vintage := 'known') AS TABLE
SELECT s.symbol, d.date, s.shares AS shares_outstanding, s.source AS shares_source,
       s.fiscal_date AS shares_fiscal_date, s.available_date AS shares_available_date,
       s.split_basis_date, d.date - s.fiscal_date AS shares_age_days
FROM (SELECT DISTINCT unnest(dates)::DATE AS date) d JOIN share_counts_by_year(symbols, dates, vintage := vintage) s
  ON s.in_year = year(d.date) AND d.date >= s.valid_from AND d.date < s.valid_to;
