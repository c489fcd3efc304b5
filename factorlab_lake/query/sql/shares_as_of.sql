-- shares_as_of(symbols, dates): the newest share count known at each date
-- Grain: one row per requested symbol and date for which anything was known; shares_outstanding is NULL where
-- every count known by then was zero or missing.
-- Point in time: only counts with available_date <= date. Among those the one of the latest day counted,
-- then the preferred source, then the newest version. Zero means missing and gives way to any real count.
CREATE OR REPLACE MACRO shares_as_of(symbols, dates) AS TABLE
WITH wanted AS (SELECT DISTINCT unnest(symbols) AS symbol),
grid AS (SELECT symbol, date FROM wanted, (SELECT DISTINCT unnest(dates)::DATE AS date)),
known AS (
    SELECT symbol, available_date, fiscal_date, source, split_basis_date, period_days,
           CASE WHEN shares > 0 THEN shares END AS shares,
           {'some': coalesce(shares > 0, false), 'f': fiscal_date, 'p': preference, 'v': version} AS rank
    FROM share_counts
    WHERE symbol IN (SELECT symbol FROM wanted)
),
-- A count matters from the day it was known only if nothing better was known by then.
standing AS (
    SELECT * FROM known
    QUALIFY rank = max(rank) OVER (PARTITION BY symbol ORDER BY available_date)
),
spans AS (
    SELECT *, lead(available_date, 1, DATE '9999-01-01') OVER (PARTITION BY symbol ORDER BY available_date) AS until
    FROM standing
)
SELECT g.symbol, g.date, s.shares AS shares_outstanding, s.source AS shares_source,
       s.fiscal_date AS shares_fiscal_date, s.available_date AS shares_available_date,
       s.split_basis_date, s.period_days, g.date - s.fiscal_date AS shares_age_days
FROM grid g JOIN spans s ON g.symbol = s.symbol AND g.date >= s.available_date AND g.date < s.until;
