-- coverage: count the stored and missing days and reports of each symbol and year
-- Grain: one row per symbol, dataset (price, income, balance_sheet, cash_flow), period (quarterly, annual or NULL) and
-- calendar year of the day or period end. Ordered by symbol, dataset, period, year.
-- `held` counts days or period ends. `missing` counts the absent ones between the first and the last. A quarter that follows
-- from longer periods is not missing, nor is the balance sheet at the end of a fiscal year.
{{missing_bars}},
statements AS (
    {{statement_dates}}
),
reports AS (
    SELECT symbol, dataset, CASE WHEN fiscal_period = 'FY' THEN 'annual' ELSE 'quarterly' END AS period, fiscal_date, true AS held
    FROM statements
    UNION ALL
    SELECT symbol, dataset, 'quarterly', fiscal_date, false FROM statements WHERE dataset = 'balance_sheet' AND fiscal_period = 'FY'
    UNION ALL
    SELECT symbol, 'income', 'quarterly', fiscal_date, false FROM quarter_history
    WHERE of_vintage = 'known' AND derivation <> 'reported' AND revenue IS NOT NULL
    UNION ALL
    SELECT symbol, 'cash_flow', 'quarterly', fiscal_date, false FROM quarter_history
    WHERE of_vintage = 'known' AND cash_flow_derivation <> 'reported' AND net_cash_provided_by_operating_activities IS NOT NULL
),
ends AS (
    SELECT symbol, dataset, period, fiscal_date, bool_or(held) AS held FROM reports
    GROUP BY symbol, dataset, period, fiscal_date
),
steps AS (
    SELECT *, fiscal_date - lag(fiscal_date) OVER reports AS days
    FROM ends WINDOW reports AS (PARTITION BY symbol, dataset, period ORDER BY fiscal_date)
),
spaced AS (
    SELECT *, greatest(median(days) OVER (PARTITION BY symbol, dataset, period),
                       CASE period WHEN 'annual' THEN {{MIN_USUAL_YEAR_DAYS}} ELSE {{MIN_USUAL_QUARTER_DAYS}} END) AS usual
    FROM steps
),
days AS (
    SELECT symbol, date, true AS there FROM price_data
    UNION ALL
    SELECT symbol, date, false FROM missing
)
SELECT symbol, 'price' AS dataset, NULL AS period, year(date)::INTEGER AS year,
       count(*) FILTER (there) AS held, count(*) FILTER (NOT there) AS missing,
       min(date) FILTER (there) AS first_date, max(date) FILTER (there) AS last_date
FROM days GROUP BY ALL
UNION ALL
SELECT symbol, dataset, period, year(fiscal_date)::INTEGER, count(*) FILTER (held),
       coalesce(sum(CASE WHEN days > {{REPORT_GAP_FACTOR}} * usual THEN round(days / usual) - 1 END), 0)::BIGINT,
       min(fiscal_date) FILTER (held), max(fiscal_date) FILTER (held)
FROM spaced GROUP BY ALL HAVING bool_or(held)
ORDER BY symbol, dataset, period NULLS LAST, year
