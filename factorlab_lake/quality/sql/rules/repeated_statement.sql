-- repeated_statement: find reports with the figures of the previous report
-- Grain: one row per symbol and fiscal period, by the newest version. Fiscal years are compared with fiscal years.
WITH newest AS (
    SELECT symbol, cik, fiscal_date, fiscal_period, version, revenue, fiscal_period = 'FY' AS yearly,
           (revenue, net_income, weighted_average_shares_outstanding) AS figures
    FROM income_statements
    WHERE revenue <> 0 AND net_income <> 0
    QUALIFY row_number() OVER (PARTITION BY symbol, fiscal_date, fiscal_period ORDER BY version DESC) = 1
)
SELECT symbol, fiscal_date AS date, fiscal_period, version, revenue AS value,
       'the figures of ' || lag(fiscal_date) OVER reports AS detail
FROM newest
WINDOW reports AS (PARTITION BY symbol, cik, yearly ORDER BY fiscal_date)
QUALIFY figures = lag(figures) OVER reports AND fiscal_date > lag(fiscal_date) OVER reports
