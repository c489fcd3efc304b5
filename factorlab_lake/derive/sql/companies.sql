-- companies: compute the company of each symbol by interval
-- Grain: one row per symbol and interval [valid_from, valid_to); the intervals of a symbol do not overlap.
-- Columns:
-- - company_id: cik: and the Central Index Key; the symbol before the first statement with one.
-- - chain_id: number of the company with its predecessors and successors. Only facts of one chain may be joined.
-- - kind: relation to the company of the interval before; NULL for the first.
-- Point in time: the CIK of the newest period among the statements that were available, so a later CIK changes no earlier day.
CREATE OR REPLACE TEMP TABLE companies AS
WITH known AS (
    SELECT DISTINCT symbol, available_date AS valid_from,
           'cik:' || max_by(cik, fiscal_date::VARCHAR || cik) OVER (PARTITION BY symbol ORDER BY available_date) AS company_id
    FROM income_rows WHERE cik IS NOT NULL
),
starts AS (
    SELECT symbol, company_id, valid_from FROM known
    UNION ALL
    SELECT symbol, symbol, {{BEGINNING_OF_TIME}} FROM derived_symbols
)
SELECT symbol, company_id, dense_rank() OVER (ORDER BY symbol)::INTEGER AS chain_id, valid_from,
       coalesce(lead(valid_from) OVER by_day, {{END_OF_TIME}}) AS valid_to,
       CASE WHEN lag(valid_from) OVER by_day > {{BEGINNING_OF_TIME}} AND lag(company_id) OVER by_day <> company_id
            THEN 'successor' END AS kind
FROM starts WINDOW by_day AS (PARTITION BY symbol ORDER BY valid_from);

-- statement_companies: tell of which company each statement is
-- Grain: one row per statement version.
-- Rules:
-- - A statement without a CIK is of the company of its day.
CREATE OR REPLACE TEMP TABLE statement_companies AS
WITH statements AS (
    SELECT statement_id, symbol, available_date, cik FROM income_rows
    UNION ALL
    SELECT statement_id, symbol, available_date, cik FROM balance_sheet_rows
    UNION ALL
    SELECT statement_id, symbol, available_date, cik FROM cash_flow_rows
)
SELECT s.statement_id, coalesce('cik:' || s.cik, c.company_id) AS company_id, c.chain_id
FROM statements s JOIN companies c
  ON c.symbol = s.symbol AND s.available_date >= c.valid_from AND s.available_date < c.valid_to;
