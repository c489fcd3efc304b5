-- Five factors: sums of four quarters and the newest balance sheet, joined as of to market caps.
-- The views `caps` (symbol, date, market_cap) and `grid` (symbol, date) stand for the question.
-- Grain: one row per row of grid, ordered by symbol and date. Point in time: available_date <= date.
-- Simpler than the lake's: quarters alone, no amended statements, no reasons.
WITH sums AS (
    SELECT symbol, fiscal_date, available_date,
           sum(revenue) OVER four AS revenue, sum(net_income) OVER four AS net_income,
           fiscal_date - lag(fiscal_date, 3) OVER (PARTITION BY symbol ORDER BY fiscal_date) AS span
    FROM income_statements SEMI JOIN grid USING (symbol)
    WINDOW four AS (PARTITION BY symbol ORDER BY fiscal_date ROWS 3 PRECEDING)
),
years AS (FROM sums WHERE span BETWEEN 245 AND 300),
sheets AS (
    SELECT symbol, fiscal_date, available_date, total_stockholders_equity AS equity
    FROM balance_sheets SEMI JOIN grid USING (symbol)
),
facts AS (
    SELECT c.symbol, c.date, c.market_cap,
           CASE WHEN c.date - y.fiscal_date <= 200 THEN y.net_income END AS income,
           CASE WHEN c.date - y.fiscal_date <= 200 AND y.revenue > 0 THEN y.revenue END AS sales,
           CASE WHEN c.date - s.fiscal_date <= 200 AND s.equity > 0 THEN s.equity END AS book
    FROM caps c
    ASOF LEFT JOIN years y ON c.symbol = y.symbol AND c.date >= y.available_date
    ASOF LEFT JOIN sheets s ON c.symbol = s.symbol AND c.date >= s.available_date
)
SELECT symbol, date, market_cap, market_cap / CASE WHEN income > 0 THEN income END AS pe_ratio,
       market_cap / book AS pb_ratio, income / book AS roe, income / sales AS net_margin
FROM facts ORDER BY symbol, date
