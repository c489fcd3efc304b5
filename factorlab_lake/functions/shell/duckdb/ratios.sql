-- ratios(symbols, start_date, end_date): return the factors of each fiscal period on the day on which it became available
-- Grain: one row per symbol and fiscal period end with a known income statement or balance sheet.
-- Parameters:
-- - start_date, end_date: limits of the period end, both included; NULL sets no limit.
-- Point in time: as factors. Facts that become known later never change a row.
-- Columns:
-- - date: the first day at whose close both statements were available, or the only one there is.
-- - accepted_date: that of the later of the two statements.
-- - shares_outstanding: the count of shares_as_of.
-- - The other columns are those of factors on that day.
-- Rules:
-- - Where a later period was known by then (an old filing arrived late), the ratios are NULL with 'newer_period_known'.
CREATE OR REPLACE MACRO ratios(symbols, start_date, end_date) AS TABLE
WITH published AS MATERIALIZED (
    SELECT symbol, fiscal_date, greatest(min(valid_from) FILTER (statement_type = 'income'),
                                         min(valid_from) FILTER (statement_type = 'balance_sheet')) AS published_on
    FROM statement_validity(symbols)
    WHERE statement_type <> 'cash_flow'
      AND fiscal_date BETWEEN coalesce(start_date::DATE, {{BEGINNING_OF_TIME}}) AND coalesce(end_date::DATE, {{END_OF_TIME}})
    GROUP BY symbol, fiscal_date
),
accepted AS (
    SELECT symbol, fiscal_date, available_date, accepted_date FROM income_statements
    UNION ALL
    SELECT symbol, fiscal_date, available_date, accepted_date FROM balance_sheets
),
filings AS (
    SELECT p.symbol, p.fiscal_date, max(a.accepted_date) AS accepted_date
    FROM published p JOIN accepted a
      ON a.symbol = p.symbol AND a.fiscal_date = p.fiscal_date AND a.available_date <= p.published_on
    GROUP BY p.symbol, p.fiscal_date
)
SELECT p.symbol, p.fiscal_date, f.date, a.accepted_date, f.market_cap, s.shares_outstanding,
       {{factors_of_period}},
       f.inputs_available_date, f.age_days,
       CASE WHEN f.fiscal_date > p.fiscal_date THEN 'newer_period_known' ELSE f.reason END AS reason
FROM published p
JOIN factors(symbols, (SELECT list(DISTINCT published_on) FROM published),
             pairs := (SELECT list({'symbol': symbol, 'date': published_on}) FROM published)) f
  ON f.symbol = p.symbol AND f.date = p.published_on
LEFT JOIN shares_as_of(symbols, (SELECT list(DISTINCT published_on) FROM published)) s
  ON s.symbol = p.symbol AND s.date = p.published_on
LEFT JOIN filings a ON a.symbol = p.symbol AND a.fiscal_date = p.fiscal_date
ORDER BY p.symbol, p.fiscal_date;
