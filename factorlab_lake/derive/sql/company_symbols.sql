-- company_symbols: collect the CIKs under which each symbol files
-- Grain: one row per symbol and CIK.
CREATE OR REPLACE TEMP TABLE company_symbols AS
SELECT DISTINCT symbol, cik FROM income_rows WHERE cik IS NOT NULL;
