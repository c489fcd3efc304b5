-- share_counts: collect every share count in one form for all sources
-- Grain: one row per symbol, day counted, source and version. A zero or missing count has shares NULL.
-- Rules:
-- - Versions of one `period` and fiscal_date replace each other. The period of a day's count is its source.
-- - `rank` orders the counts of a symbol; the highest known one is used. It is one number, because windows over numbers are
--   fast, and its digits are the criteria in this order:
-- - a real count before a missing one;
-- - the latest day counted;
-- - the source: SEC cover page, balance sheet, weighted average of a quarter, of a half or nine months, of a year;
-- - the newest version.
-- - A weighted average is a proxy for shares outstanding, and its source says so.
CREATE OR REPLACE TEMP TABLE share_counts AS
WITH counts AS (
    SELECT symbol, as_of_date AS fiscal_date, source, version, nullif(shares, 0) AS shares, available_date,
           split_basis_date, CASE source WHEN 'cover_page' THEN 5 ELSE 4 END AS preference, {{QUARTER_DAYS}} AS period_days,
           source AS period
    FROM shares_outstanding WHERE symbol IN (SELECT symbol FROM derived_symbols)
    UNION ALL
    SELECT symbol, fiscal_date,
           CASE fiscal_period WHEN 'FY' THEN 'weighted_average_year_proxy' ELSE 'weighted_average_proxy' END,
           version, nullif(weighted_average_shares_outstanding, 0), available_date, split_basis_date,
           CASE WHEN fiscal_period = 'FY' THEN 1 WHEN fiscal_period IN ('H1', '9M') THEN 2 ELSE 3 END,
           CASE fiscal_period WHEN 'FY' THEN {{YEAR_DAYS}} ELSE {{QUARTER_DAYS}} END, fiscal_period
    FROM income_rows
)
SELECT * EXCLUDE (preference),
       (((shares IS NOT NULL)::BIGINT * 10000000 + (fiscal_date - {{BEGINNING_OF_TIME}})) * 10 + preference) * 100000
       + version AS rank
FROM counts;

-- share_count_history: compute when each share count is valid, for each vintage
-- Grain: one row per vintage, symbol and count that is ever used, with the interval [valid_from, valid_to). A symbol without a
-- restated count has only rows of the vintage 'known', because all three agree.
-- Point in time: no count before its available_date in 'known' and 'first'; 'latest' uses hindsight.
-- Rules:
-- - A count is valid until a better one (see share_counts.rank) becomes available.
-- - cumulative_split_factor is that of split_history on the count's split basis.
-- - In an interval without a usable count, shares is NULL and `reason` gives the cause.
CREATE OR REPLACE TEMP TABLE share_count_history AS
WITH restated_symbols AS (SELECT DISTINCT symbol FROM share_counts WHERE version > 1),
versions AS (
    SELECT *, version = min(version) OVER of_period AS is_first, rank = max(rank) OVER of_period AS is_last,
           min(available_date) OVER of_period AS first_available
    FROM share_counts SEMI JOIN restated_symbols USING (symbol)
    WINDOW of_period AS (PARTITION BY symbol, fiscal_date, source, period)
),
usable AS (
    SELECT *, 'known' AS of_vintage, false AS restated, available_date AS valid_from
    FROM share_counts ANTI JOIN restated_symbols USING (symbol)
    UNION ALL BY NAME
    SELECT * EXCLUDE (is_first, is_last, first_available), unnest(['known', 'first', 'latest']) AS of_vintage,
           true AS restated,
           CASE of_vintage WHEN 'known' THEN available_date
                        WHEN 'first' THEN CASE WHEN is_first THEN available_date END
                        WHEN 'latest' THEN CASE WHEN is_last THEN first_available END END AS valid_from
    FROM versions
),
current_counts AS (
    SELECT *, lead(valid_from) OVER (PARTITION BY of_vintage, symbol ORDER BY valid_from) AS next_from
    FROM (FROM usable WHERE valid_from IS NOT NULL
          QUALIFY rank = max(rank) OVER (PARTITION BY of_vintage, symbol ORDER BY valid_from))
)
SELECT s.symbol, s.of_vintage, s.restated, s.valid_from, coalesce(s.next_from, {{END_OF_TIME}}) AS valid_to, s.shares, s.source,
       s.fiscal_date, s.available_date, s.period_days, s.split_basis_date,
       coalesce(l.cumulative_split_factor, 1) AS cumulative_split_factor,
       NULL::VARCHAR AS reason, {{company_id}}, m.statement_provider
FROM current_counts s LEFT JOIN symbol_companies m ON m.symbol = s.symbol
{{companies_of_counts}}
LEFT JOIN split_history l ON l.symbol = s.symbol AND s.split_basis_date >= l.from_date AND s.split_basis_date < l.to_date;
