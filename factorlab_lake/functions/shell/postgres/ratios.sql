-- ratios(symbols, start_date, end_date, availability := 'close'): return the factors of each fiscal period on the day on which it became available
-- Grain: one row per symbol and fiscal period end with a known income statement or balance sheet.
-- Parameters:
-- - start_date, end_date: limits of the period end, both included; NULL sets no limit.
-- - availability: see availability_lag_days.
-- Point in time: as factors. Facts that become known later never change a row.
-- Columns:
-- - date: the first day at whose close both statements were available, or the only one there is.
-- - accepted_date: that of the later of the two statements.
-- - shares_outstanding: the count of shares_as_of.
-- - The other columns are those of factors on that day.
-- Rules:
-- - Where a later period was known by then (an old filing arrived late), the ratios are NULL with 'newer_period_known'.
CREATE OR REPLACE FUNCTION ratios(symbols text[], start_date date, end_date date, availability text DEFAULT 'close')
RETURNS TABLE (
    symbol text, fiscal_date date, date date, accepted_date date, market_cap double precision,
    shares_outstanding double precision,
    {{factor_types}},
    inputs_available_date date, age_days bigint, reason text
)
{{planned}}
BEGIN ATOMIC
WITH published AS MATERIALIZED (
    SELECT p.symbol, p.fiscal_date,
           greatest(min(p.valid_from) FILTER (WHERE p.statement_type = 'income'),
                    min(p.valid_from) FILTER (WHERE p.statement_type = 'balance_sheet')) AS published_on
    FROM statement_validity(symbols, availability := availability) p
    WHERE p.statement_type <> 'cash_flow'
      AND p.fiscal_date BETWEEN coalesce(start_date, {{BEGINNING_OF_TIME}}) AND coalesce(end_date, {{END_OF_TIME}})
    GROUP BY p.symbol, p.fiscal_date
),
accepted AS (
    SELECT symbol, fiscal_date, {{available_income_statements}} AS available_date, accepted_date
    FROM income_statements s WHERE s.symbol = ANY (symbols)
    UNION ALL
    SELECT symbol, fiscal_date, {{available_balance_sheets}}, accepted_date
    FROM balance_sheets s WHERE s.symbol = ANY (symbols)
),
filings AS (
    SELECT p.symbol, p.fiscal_date, max(a.accepted_date) AS accepted_date
    FROM published p JOIN accepted a
      ON a.symbol = p.symbol AND a.fiscal_date = p.fiscal_date AND a.available_date <= p.published_on
    GROUP BY p.symbol, p.fiscal_date
)
SELECT p.symbol, p.fiscal_date, f.date, a.accepted_date, f.market_cap, s.shares,
       {{factors_of_period}},
       f.inputs_available_date, f.age_days,
       CASE WHEN f.fiscal_date > p.fiscal_date THEN 'newer_period_known' ELSE f.reason END
FROM published p
JOIN factors(symbols, (SELECT array_agg(DISTINCT published_on) FROM published),
             pairs := (SELECT coalesce(array_agg((symbol, published_on)::symbol_date), '{}') FROM published),
             availability := availability) f
  ON f.symbol = p.symbol AND f.date = p.published_on
LEFT JOIN share_counts_by_year(symbols, (SELECT array_agg(DISTINCT published_on) FROM published),
                               availability := availability) s
  ON s.symbol = p.symbol AND s.in_year = date_part('year', p.published_on)::integer
 AND p.published_on >= s.valid_from AND p.published_on < s.valid_to
LEFT JOIN filings a ON a.symbol = p.symbol AND a.fiscal_date = p.fiscal_date
ORDER BY p.symbol COLLATE "C", p.fiscal_date;
END;
