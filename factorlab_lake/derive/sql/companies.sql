-- company_intervals: compute the company of each symbol by interval
-- Grain: one row per symbol and interval [valid_from, valid_to). Before the first one, and without a CIK, the symbol stands
-- for its company. symbol_history overrules these rows.
-- Point in time: the CIK of the newest period among the statements that were available, so a later CIK changes no earlier day.
CREATE OR REPLACE TEMP TABLE company_intervals AS
WITH known AS (
    SELECT DISTINCT symbol, available_date AS valid_from,
           max_by(cik, fiscal_date::VARCHAR || cik) OVER (PARTITION BY symbol ORDER BY available_date) AS cik
    FROM income_rows WHERE cik IS NOT NULL
)
SELECT symbol, 'cik:' || cik AS company_id, valid_from,
       coalesce(lead(valid_from) OVER (PARTITION BY symbol ORDER BY valid_from), {{END_OF_TIME}}) AS valid_to
FROM known;
