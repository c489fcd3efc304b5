-- statements_as_of(as_of): what was known about every fiscal period at the close of a day
-- Grain: one row per symbol, statement type and fiscal period: the newest version with available_date <= as_of.
CREATE OR REPLACE MACRO statements_as_of(as_of) AS TABLE
SELECT * FROM financial_statements
WHERE available_date <= as_of::DATE
QUALIFY row_number() OVER (
    PARTITION BY symbol, statement_type, fiscal_date, fiscal_period ORDER BY version DESC) = 1
ORDER BY symbol, statement_type, fiscal_date, fiscal_period;
