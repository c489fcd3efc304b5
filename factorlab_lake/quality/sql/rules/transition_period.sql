-- transition_period: find fiscal years that are shorter than a year, because the year's end moved
-- Grain: one row per symbol and fiscal date. `value` is the days since the fiscal year before.
SELECT symbol, fiscal_date AS date, 'FY' AS fiscal_period, fiscal_date - lag(fiscal_date) OVER years AS value,
       'the year before ended on ' || lag(fiscal_date) OVER years AS detail
FROM (SELECT DISTINCT symbol, fiscal_date FROM {{table}} WHERE fiscal_period = 'FY')
WINDOW years AS (PARTITION BY symbol ORDER BY fiscal_date)
QUALIFY fiscal_date - lag(fiscal_date) OVER years BETWEEN {{MIN_TRANSITION_DAYS}} AND {{MAX_TRANSITION_DAYS}}
