-- share_counts: return every share count of the lake in one form for all sources
-- Grain: one row per symbol, day counted, source and version. A zero or missing count has shares NULL.
-- Rules:
-- - Versions of one `period` and fiscal_date replace each other. The period of a day's count is its source.
-- - `rank` orders the counts of a symbol; the highest known one is used. It is one number, and its digits are the criteria in this order:
-- - a real count before a missing one;
-- - the latest day counted;
-- - the source: SEC cover page, balance sheet, weighted average of a quarter, of a half or nine months, of a year;
-- - the newest version.
-- - A weighted average is a proxy for shares outstanding, and its source says so.
CREATE OR REPLACE VIEW share_counts AS
SELECT symbol, fiscal_date, source, version, shares, available_date, split_basis_date, period_days, period,
       (((shares IS NOT NULL)::integer::bigint * 10000000 + (fiscal_date - {{BEGINNING_OF_TIME}})) * 10 + preference)
       * 100000 + version AS rank
FROM (
    SELECT symbol, as_of_date AS fiscal_date, source, version, nullif(shares, 0) AS shares,
           {{available_shares_outstanding}} AS available_date, split_basis_date,
           CASE source WHEN 'cover_page' THEN 5 ELSE 4 END AS preference, {{QUARTER_DAYS}} AS period_days, source AS period
    FROM shares_outstanding
    UNION ALL
    SELECT symbol, fiscal_date,
           CASE fiscal_period WHEN 'FY' THEN 'weighted_average_year_proxy' ELSE 'weighted_average_proxy' END,
           version, nullif(weighted_average_shares_outstanding, 0), {{available_income_statements}},
           split_basis_date,
           CASE WHEN fiscal_period = 'FY' THEN 1 WHEN fiscal_period IN ('H1', '9M') THEN 2 ELSE 3 END,
           CASE fiscal_period WHEN 'FY' THEN {{YEAR_DAYS}} ELSE {{QUARTER_DAYS}} END, fiscal_period
    FROM income_statements
) counts;
