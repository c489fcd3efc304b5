-- period_end_moved: find periods whose end or label differs between fetches
-- Grain: one row per symbol and later end. Two ends of one length lie within a week: they are one period.
SELECT symbol, fiscal_date AS date, any_value(fiscal_period) AS fiscal_period, fiscal_date - before AS value,
       'the same period as ' || any_value(label_before) || ' ' || before AS detail
FROM (
    SELECT symbol, fiscal_date, fiscal_period, lag(fiscal_date) OVER ends AS before, lag(fiscal_period) OVER ends AS label_before
    FROM (SELECT DISTINCT symbol, source_provider, fiscal_date, fiscal_period,
                 CASE WHEN fiscal_period LIKE 'Q_' THEN 'quarter' ELSE fiscal_period END AS length
          FROM {{table}})
    WINDOW ends AS (PARTITION BY symbol, source_provider, length ORDER BY fiscal_date, fiscal_period)
)
WHERE fiscal_date - before <= {{SAME_PERIOD_DAYS}}
GROUP BY symbol, fiscal_date, before
