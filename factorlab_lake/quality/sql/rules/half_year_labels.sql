-- half_year_labels: find half-years that are labelled as quarters
-- Grain: one row per symbol and fiscal year. `value` is the sum of the reports labelled Q2 and Q4, `expected` the year's revenue.
-- The year has neither Q1 nor Q3. The two lengths are six months, not three.
WITH newest AS (
    SELECT symbol, fiscal_date, fiscal_period, version, revenue FROM income_statements
    QUALIFY row_number() OVER (PARTITION BY symbol, fiscal_date, fiscal_period ORDER BY version DESC) = 1
)
SELECT y.symbol, y.fiscal_date AS date, 'FY' AS fiscal_period, y.version, sum(q.revenue) AS value, y.revenue AS expected,
       'Q2 and Q4 are half-years' AS detail
FROM newest y JOIN newest q ON q.symbol = y.symbol AND q.fiscal_period IN ('Q1', 'Q2', 'Q3', 'Q4')
    AND q.fiscal_date > y.fiscal_date - {{YEAR_QUARTERS_DAYS}} AND q.fiscal_date <= y.fiscal_date
WHERE y.fiscal_period = 'FY'
GROUP BY y.symbol, y.fiscal_date, y.version, y.revenue
HAVING list_sort(list(q.fiscal_period)) = ['Q2', 'Q4'] AND abs(sum(q.revenue) - y.revenue) <= {{SUM_OF_QUARTERS_TOLERANCE}} * abs(y.revenue)
