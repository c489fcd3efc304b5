-- statements_as_of: choose the version of each statement that of_vintage names, as of as_of_date
-- Grain: one row per symbol, statement type and fiscal period with a version available at as_of_date.
-- Rules:
-- - 'known' is the newest version available then, 'first' the first of all, 'latest' the last of all.
-- - A period is returned once any version of it is available; with 'first', once that one is.
WITH versions AS (
    SELECT *,
           min(version) OVER (PARTITION BY symbol, statement_type, fiscal_date, fiscal_period) AS first_version,
           max(version) OVER (PARTITION BY symbol, statement_type, fiscal_date, fiscal_period) AS last_version,
           max(CASE WHEN available_date <= as_of_date THEN version END)
               OVER (PARTITION BY symbol, statement_type, fiscal_date, fiscal_period) AS newest_version,
           min(available_date) OVER (PARTITION BY symbol, statement_type, fiscal_date, fiscal_period) AS first_available
    FROM statements
)
SELECT {{statement_columns}}
FROM versions
WHERE CASE of_vintage WHEN 'known' THEN version = newest_version
                      WHEN 'first' THEN version = first_version AND available_date <= as_of_date
                      WHEN 'latest' THEN version = last_version AND first_available <= as_of_date END
