-- statements_as_of(as_of, vintage := 'known'): return the statements of every fiscal period as known at the close of a day
-- Grain: one row per symbol, provider, statement type and fiscal period with a version available at as_of.
-- Parameters:
-- - vintage: see checked_vintage. With 'latest', available_date may lie after as_of.
-- Point in time: the newest version with available_date <= as_of; 'first' returns the first version of each period.
CREATE OR REPLACE MACRO statements_as_of(as_of, vintage := 'known') AS TABLE
WITH statements AS (
    SELECT *, as_of::DATE AS as_of_date, checked_vintage(vintage) AS of_vintage FROM financial_statements
),
{{statements_as_of}}
ORDER BY symbol, statement_type, fiscal_date, fiscal_period, version;
