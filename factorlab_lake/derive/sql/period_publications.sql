-- period_publications: compute the day on which each fiscal period became available
-- Grain: one row per symbol and fiscal period end with a known income statement or balance sheet.
-- Columns:
-- - published_on: the first day at whose close both statements were available, or the only one there is.
-- - accepted_date: that of the later of the statements available by then.
CREATE OR REPLACE TEMP TABLE period_publications AS
WITH published AS (
    SELECT s.symbol, v.fiscal_date, greatest(min(v.valid_from) FILTER (v.statement_type = 'income'),
                                             min(v.valid_from) FILTER (v.statement_type = 'balance_sheet')) AS published_on
    FROM statement_validity v JOIN subjects s ON s.subject = v.subject AND s.vintage = 'known'
    WHERE v.statement_type <> 'cash_flow'
    GROUP BY s.symbol, v.fiscal_date
)
SELECT p.symbol, p.fiscal_date, p.published_on, max(v.accepted_date) AS accepted_date
FROM published p LEFT JOIN statement_versions v
  ON v.symbol = p.symbol AND v.period_end = p.fiscal_date AND v.statement_type <> 'cash_flow'
 AND v.known_from <= p.published_on
GROUP BY p.symbol, p.fiscal_date, p.published_on;
