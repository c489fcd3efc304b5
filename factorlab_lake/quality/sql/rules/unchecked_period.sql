-- unchecked_period: find reports whose length nothing confirms
-- Grain: one row per symbol and fiscal period. `value` is the days since the previous report, `expected` the days that the label
-- claims at most. Its claim is believed.
-- A length is confirmed by the provider's first day of the period, or by a report of any label that ended one such length before.
-- The reports of three quarters confirm their fiscal year. The first report is not listed. Transition periods and moved ends have
-- rules of their own.
WITH ends AS (
    SELECT symbol, fiscal_period, fiscal_date, bool_or(period_start IS NOT NULL) AS dated,
           CASE WHEN fiscal_period = 'FY' THEN {{MIN_YEAR_DISTANCE_DAYS}} ELSE {{MIN_QUARTER_DISTANCE_DAYS}} END AS least_days,
           CASE WHEN fiscal_period = 'FY' THEN {{MAX_YEAR_DISTANCE_DAYS}} ELSE {{MAX_QUARTER_DISTANCE_DAYS}} END AS most_days
    FROM {{table}}
    WHERE fiscal_period NOT IN ('H1', '9M')
    GROUP BY symbol, fiscal_period, fiscal_date
),
days AS (SELECT DISTINCT symbol, fiscal_date FROM {{table}}),
compared AS (
    SELECT e.symbol, e.fiscal_date, e.fiscal_period, e.most_days, min(e.fiscal_date - d.fiscal_date) AS previous,
           bool_or(e.fiscal_date - d.fiscal_date BETWEEN e.least_days AND e.most_days)
           OR e.fiscal_period = 'FY' AND count(*) FILTER (e.fiscal_date - d.fiscal_date < {{YEAR_QUARTERS_DAYS}}) >= 3 AS confirmed
    FROM ends e JOIN days d ON d.symbol = e.symbol AND d.fiscal_date < e.fiscal_date - {{SAME_PERIOD_DAYS}}
    WHERE NOT e.dated
    GROUP BY e.symbol, e.fiscal_date, e.fiscal_period, e.most_days
)
SELECT symbol, fiscal_date AS date, fiscal_period, previous AS value, most_days AS expected,
       'the report before ended ' || previous || ' days earlier' AS detail
FROM compared
WHERE NOT confirmed
