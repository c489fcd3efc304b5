-- scale_jump: find revenue or share counts in thousands among units, or units among thousands
-- Grain: one row per symbol, fiscal period and item, by the newest version.
-- Each value is compared with the median of up to four reports of the same company and length before and after it. At least
-- three of them are required.
WITH newest AS (
    SELECT symbol, cik, fiscal_date, fiscal_period, version, revenue,
           weighted_average_shares_outstanding AS shares, fiscal_period = 'FY' AS yearly
    FROM income_statements
    QUALIFY row_number() OVER (PARTITION BY symbol, fiscal_date, fiscal_period ORDER BY version DESC) = 1
),
items AS (
    SELECT * EXCLUDE (revenue, shares), 'revenue' AS item, revenue AS value FROM newest WHERE revenue > 0
    UNION ALL
    SELECT * EXCLUDE (revenue, shares), 'share count', shares FROM newest WHERE shares > 0
),
compared AS (
    SELECT *, median(value) OVER around AS expected, count(value) OVER around AS others
    FROM items
    WINDOW around AS (PARTITION BY symbol, cik, yearly, item ORDER BY fiscal_date
                      ROWS BETWEEN {{SCALE_NEIGHBOURS}} PRECEDING AND {{SCALE_NEIGHBOURS}} FOLLOWING EXCLUDE CURRENT ROW)
)
SELECT symbol, fiscal_date AS date, fiscal_period, version, value, expected, item AS detail
FROM compared
WHERE others >= {{MIN_SCALE_NEIGHBOURS}} AND (value > {{SCALE_JUMP_RATIO}} * expected OR {{SCALE_JUMP_RATIO}} * value < expected)
