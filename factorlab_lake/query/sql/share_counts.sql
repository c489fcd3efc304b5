-- share_counts: every count of shares the lake holds, one form for all sources
-- Grain: one row per symbol, day counted, source and version. Zero and missing counts are included.
-- A higher `preference` wins among counts of one day: SEC cover page, balance sheet, then the weighted
-- average of a quarter and of a year, which are proxies for shares outstanding and are named so.
CREATE OR REPLACE VIEW share_counts AS
SELECT symbol, as_of_date AS fiscal_date, source, version, shares, available_date, split_basis_date,
       CASE source WHEN 'cover_page' THEN 4 ELSE 3 END AS preference,
       91 AS period_days
FROM shares_outstanding
UNION ALL
SELECT symbol, fiscal_date,
       CASE fiscal_period WHEN 'FY' THEN 'weighted_average_year_proxy' ELSE 'weighted_average_proxy' END,
       version, weighted_average_shares_outstanding, available_date, split_basis_date,
       CASE fiscal_period WHEN 'FY' THEN 1 ELSE 2 END,
       CASE fiscal_period WHEN 'FY' THEN 365 ELSE 91 END
FROM income_statements;
