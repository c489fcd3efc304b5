-- years_on_one_basis: pair each fiscal year with its quarters, all as first filed or all as restated
-- Grain: one row per symbol, fiscal year, basis and quarter. `version` is the newest one of the year; year_version and
-- quarter_version are those to compare. A part of rules that compare a year with the sum of its quarters.
-- Rules:
-- - A filing's content is its newest version: a vendor's revision replaces what was wrong.
-- - If the year and all four quarters were restated, or none, the newest filings are on one basis.
-- - Otherwise a year is wrong only if the first filings contradict each other too: a restated year says nothing of quarters
--   without a restatement. `bases` is then 2. What a quarter restated before the year was filed is in the year.
filed AS (
    SELECT symbol, fiscal_date, fiscal_period, version, available_date,
           count(*) FILTER (change_kind = 'restatement') OVER (PARTITION BY symbol, fiscal_date, fiscal_period ORDER BY version) AS filing
    FROM {{table}} WHERE fiscal_period IN ('FY', 'Q1', 'Q2', 'Q3', 'Q4')
),
filings AS (
    SELECT symbol, fiscal_date, fiscal_period, filing, max(version) AS version, min(available_date) AS filed_on
    FROM filed GROUP BY ALL
),
years AS (
    SELECT symbol, fiscal_date, max(version) AS newest, min(version) AS first, min_by(filed_on, filing) AS filed_on
    FROM filings WHERE fiscal_period = 'FY' GROUP BY ALL
),
quarters AS (
    SELECT y.symbol, y.fiscal_date, q.fiscal_date AS quarter_date, q.fiscal_period, max(q.version) AS newest,
           coalesce(max(q.version) FILTER (q.filed_on <= y.filed_on), min(q.version)) AS first
    FROM years y JOIN filings q ON q.symbol = y.symbol AND q.fiscal_period <> 'FY'
        AND q.fiscal_date > y.fiscal_date - {{YEAR_QUARTERS_DAYS}} AND q.fiscal_date <= y.fiscal_date
    GROUP BY ALL
),
bases AS (
    SELECT *, count(*) FILTER (newest <> first) OVER (PARTITION BY symbol, fiscal_date) AS restated_quarters FROM quarters
),
years_on_one_basis AS (
    SELECT b.symbol, b.fiscal_date, b.quarter_date, b.fiscal_period, y.newest AS version,
           CASE WHEN a.is_first THEN y.first ELSE y.newest END AS year_version,
           CASE WHEN a.is_first THEN b.first ELSE b.newest END AS quarter_version, a.is_first,
           CASE WHEN b.restated_quarters = CASE WHEN y.newest <> y.first THEN 4 ELSE 0 END THEN 1 ELSE 2 END AS bases
    FROM bases b JOIN years y ON y.symbol = b.symbol AND y.fiscal_date = b.fiscal_date
    JOIN (VALUES (false), (true)) a(is_first)
      ON NOT a.is_first OR b.restated_quarters <> CASE WHEN y.newest <> y.first THEN 4 ELSE 0 END
)
