-- quarters(symbols, as_of, vintage := 'known', availability := 'close'): return the flows of every quarter as known at the close of a day, Q4 included
-- Grain: one row per symbol and quarter end that an income or cash flow statement reports, or that a longer period ends on.
-- Parameters:
-- - vintage: see checked_vintage.
-- - availability: see availability_lag_days.
-- Point in time: as statement_validity, at the close of as_of.
-- Columns:
-- - derivation, cash_flow_derivation: 'reported', or how the quarter follows from longer periods, as 'FY - Q1 - Q2 - Q3'.
-- - reason: why flows are NULL, such as a missing component.
-- - The other columns are those of ttm, for the quarter, in reported_currency.
-- Rules:
-- - A reported quarter wins over a derived one (see quarter_validity).
-- - Cash flow items are returned only in the currency of the income statement.
CREATE OR REPLACE FUNCTION quarters(
    symbols text[], as_of date, vintage text DEFAULT 'known', availability text DEFAULT 'close'
)
RETURNS TABLE (
    symbol text, fiscal_date date, derivation text, cash_flow_derivation text, reported_currency text,
    inputs_available_date date, reason text,
    {{ttm_types}}
)
{{planned}}
BEGIN ATOMIC
WITH known AS MATERIALIZED (
    SELECT row_number() OVER () AS id, s.*
    FROM quarter_validity(symbols, vintage, availability := availability) s
    WHERE s.statement_type <> 'balance_sheet' AND s.valid_from <= as_of AND s.valid_to > as_of
),
ends AS (SELECT DISTINCT symbol, fiscal_date FROM known),
components AS MATERIALIZED (
    SELECT k.id, k.statement_type, k.symbol, p.fiscal_date AS component_date, p.fiscal_period AS component_period,
           p.version AS component_version, p.sign AS component_sign
    FROM known k CROSS JOIN LATERAL unnest(k.components) AS p WHERE k.months = 3
),
income AS (
    SELECT p.id, {{income_sums}}
    FROM components p JOIN income_statements s ON {{matches_component}}
    WHERE p.statement_type = 'income' AND s.symbol = ANY (symbols) GROUP BY p.id
),
cash_flow AS (
    SELECT p.id, {{cash_flow_sums}}
    FROM components p JOIN cash_flows s ON {{matches_component}}
    WHERE p.statement_type = 'cash_flow' AND s.symbol = ANY (symbols) GROUP BY p.id
)
SELECT e.symbol, e.fiscal_date, ki.derivation, kc.derivation,
       coalesce(ki.reported_currency, kc.reported_currency),
       greatest(ki.available_date, kc.available_date),
       nullif(concat_ws('; ',
           CASE WHEN ki.id IS NULL THEN 'income: no_quarter_known' END,
           CASE WHEN kc.id IS NULL THEN 'cash_flow: no_quarter_known'
                WHEN ki.reported_currency <> kc.reported_currency THEN 'currencies_differ' END), ''),
       {{ttm_flows}}
FROM ends e
LEFT JOIN known ki
  ON ki.symbol = e.symbol AND ki.fiscal_date = e.fiscal_date AND ki.statement_type = 'income' AND ki.months = 3
LEFT JOIN known kc
  ON kc.symbol = e.symbol AND kc.fiscal_date = e.fiscal_date AND kc.statement_type = 'cash_flow' AND kc.months = 3
LEFT JOIN income i ON i.id = ki.id
LEFT JOIN cash_flow c ON c.id = CASE WHEN coalesce(ki.reported_currency = kc.reported_currency, true) THEN kc.id END
ORDER BY e.symbol COLLATE "C", e.fiscal_date;
END;
