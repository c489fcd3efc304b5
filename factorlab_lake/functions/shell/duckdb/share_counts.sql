-- share_counts: every count of shares the lake holds, one form for all sources
-- Grain: one row per symbol, day counted, source and version. Zero and missing counts have shares NULL.
-- `rank` orders counts of a symbol, all of them known, by which to use: a real count before a missing one,
-- then the latest day counted, then the preferred source (SEC cover page, balance sheet, then the weighted
-- average of a quarter, of a half or nine months, and of a year, which are proxies for shares outstanding and are named so), then the
-- newest version. It is one number, the components in its digits, because windows over numbers are fast.
-- Versions of one `period` (a fiscal period, or the source for a day's count) and fiscal_date replace each other.
CREATE OR REPLACE VIEW share_counts AS
WITH counts AS (
    SELECT symbol, as_of_date AS fiscal_date, source, version, nullif(shares, 0) AS shares, available_date,
           split_basis_date, CASE source WHEN 'cover_page' THEN 5 ELSE 4 END AS preference, {{QUARTER_DAYS}} AS period_days,
           source AS period
    FROM shares_outstanding
    UNION ALL
    SELECT symbol, fiscal_date,
           CASE fiscal_period WHEN 'FY' THEN 'weighted_average_year_proxy' ELSE 'weighted_average_proxy' END,
           version, nullif(weighted_average_shares_outstanding, 0), available_date, split_basis_date,
           CASE WHEN fiscal_period = 'FY' THEN 1 WHEN fiscal_period IN ('H1', '9M') THEN 2 ELSE 3 END,
           CASE fiscal_period WHEN 'FY' THEN {{YEAR_DAYS}} ELSE {{QUARTER_DAYS}} END, fiscal_period
    FROM income_statements
)
SELECT * EXCLUDE (preference),
       (((shares IS NOT NULL)::BIGINT * 10000000 + (fiscal_date - {{BEGINNING_OF_TIME}})) * 10 + preference) * 100000
       + version AS rank
FROM counts;
