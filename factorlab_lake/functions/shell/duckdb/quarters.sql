-- quarters(symbols, as_of, vintage := 'known'): return the flows of every quarter as known at the close of a day, Q4 included
-- Grain: one row per symbol and quarter end that an income or cash flow statement reports, or that a longer period ends on.
-- Parameters:
-- - vintage: see checked_vintage.
-- Point in time: as quarter_history, at the close of as_of.
-- Columns:
-- - derivation, cash_flow_derivation: 'reported', or how the quarter follows from longer periods, as 'FY - Q1 - Q2 - Q3'.
-- - reason: why flows are NULL, such as a missing component.
-- - The other columns are those of ttm, for the quarter, in reported_currency.
CREATE OR REPLACE MACRO quarters(symbols, as_of, vintage := 'known') AS TABLE
SELECT symbol, fiscal_date, derivation, cash_flow_derivation, reported_currency, inputs_available_date,
       {{flow_names}},
       company_id, statement_provider, reason
FROM quarter_history
WHERE symbol IN (SELECT unnest(symbols)) AND bucket IN ({{buckets_of_quarter_history}})
  AND (of_vintage = checked_vintage(vintage) OR NOT restated)
  AND valid_from <= as_of::DATE AND valid_to > as_of::DATE
ORDER BY symbol, fiscal_date;
