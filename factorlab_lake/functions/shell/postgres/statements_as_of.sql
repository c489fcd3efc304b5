{{head}}
CREATE OR REPLACE FUNCTION statements_as_of(as_of date, vintage text DEFAULT 'known')
RETURNS SETOF financial_statements
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT {{statement_columns}}
FROM (
    SELECT s.*, min(version) OVER period AS first, max(version) OVER period AS last,
           max(version) FILTER (WHERE available_date <= as_of) OVER period AS newest,
           min(available_date) OVER period AS first_available
    FROM financial_statements s
    WINDOW period AS (PARTITION BY symbol, statement_type, fiscal_date, fiscal_period)
) v
WHERE CASE (SELECT checked_vintage(vintage))
          WHEN 'known' THEN version = newest
          WHEN 'first' THEN version = first AND available_date <= as_of
          WHEN 'latest' THEN version = last AND first_available <= as_of END
ORDER BY symbol COLLATE "C", statement_type, fiscal_date, fiscal_period COLLATE "C";
END;
