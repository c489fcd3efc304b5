{{head}}
CREATE OR REPLACE FUNCTION statements_as_of(as_of date, vintage text DEFAULT 'known')
RETURNS SETOF financial_statements
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
WITH statements AS (
    SELECT s.*, as_of AS as_of_date, (SELECT checked_vintage(vintage)) AS of_vintage FROM financial_statements s
)
SELECT * FROM ({{statements_as_of}}) AS answer
ORDER BY symbol COLLATE "C", statement_type, fiscal_date, fiscal_period COLLATE "C", version;
END;
