-- scale_jump_assets: find total assets in thousands among units, or units among thousands
-- Grain: one row per symbol and fiscal period, by the newest version. The comparison is that of scale_jump.
WITH newest AS (
    SELECT symbol, cik, fiscal_date, fiscal_period, version, total_assets AS value FROM balance_sheets
    WHERE total_assets > 0
    QUALIFY row_number() OVER (PARTITION BY symbol, fiscal_date, fiscal_period ORDER BY version DESC) = 1
),
compared AS (
    SELECT *, median(value) OVER around AS expected, count(value) OVER around AS others
    FROM newest
    WINDOW around AS (PARTITION BY symbol, cik ORDER BY fiscal_date, fiscal_period
                      ROWS BETWEEN {{SCALE_NEIGHBOURS}} PRECEDING AND {{SCALE_NEIGHBOURS}} FOLLOWING EXCLUDE CURRENT ROW)
)
SELECT symbol, fiscal_date AS date, fiscal_period, version, value, expected, 'total assets' AS detail
FROM compared
WHERE others >= {{MIN_SCALE_NEIGHBOURS}} AND (value > {{SCALE_JUMP_RATIO}} * expected OR {{SCALE_JUMP_RATIO}} * value < expected)
