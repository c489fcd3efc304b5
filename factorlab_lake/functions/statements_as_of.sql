-- statements_as_of: choose the version of each statement that of_vintage names, as of as_of_date
-- Grain: one row per symbol, provider, statement type and fiscal period with a version available at as_of_date.
-- Rules:
-- - 'known' is the newest version available then, 'first' the first of all, 'latest' the last of all.
-- - A period is returned once any version of it is available; with 'first', once that one is.
-- - Rows of one length with one period_end are one period, whatever their labels.
-- - A completion or remap stands in for the version before it, and a user's correction for all versions of its filing.
-- - A correction is of the first provider that has its filing, else the period; a user's other rows are of the provider file.
WITH periods AS (
    SELECT *, COALESCE(period_end, fiscal_date) AS of_end, {{period_months}} AS of_months,
           COALESCE(accepted_date, available_date) AS of_day,
           CASE WHEN change_kind <> 'correction' AND source_provider <> {{file_provider}} THEN source_provider END AS served_by
    FROM statements
),
chains AS (
    SELECT *,
           COALESCE(CASE WHEN change_kind = 'correction'
                         THEN COALESCE(MIN(served_by) OVER (PARTITION BY symbol, statement_type, of_months, of_end, of_day),
                                       MIN(served_by) OVER (PARTITION BY symbol, statement_type, of_months, of_end)) END,
                    source_provider) AS of_provider
    FROM periods
),
filings AS (
    SELECT *,
           SUM(CASE WHEN change_kind = 'original' OR change_kind = 'restatement' THEN 1 ELSE 0 END)
               OVER (PARTITION BY symbol, statement_type, of_months, of_end, of_provider
                     ORDER BY version, fiscal_period) AS filing_number,
           LEAD(change_kind) OVER (PARTITION BY symbol, statement_type, of_months, of_end, of_provider
                                   ORDER BY version, fiscal_period) AS next_kind
    FROM chains
),
corrections AS (
    SELECT *,
           MAX(CASE WHEN change_kind = 'correction' THEN version END)
               OVER (PARTITION BY symbol, statement_type, of_months, of_end, of_provider, filing_number) AS last_correction
    FROM filings
),
contents AS (
    SELECT * FROM corrections
    WHERE version = last_correction
       OR (last_correction IS NULL AND (next_kind IS NULL OR next_kind NOT IN ({{stand_ins}})))
),
versions AS (
    SELECT *,
           MIN(version) OVER (PARTITION BY symbol, statement_type, of_months, of_end, of_provider) AS first_version,
           MAX(version) OVER (PARTITION BY symbol, statement_type, of_months, of_end, of_provider) AS last_version,
           MAX(CASE WHEN available_date <= as_of_date THEN version END)
               OVER (PARTITION BY symbol, statement_type, of_months, of_end, of_provider) AS newest_version,
           MIN(available_date) OVER (PARTITION BY symbol, statement_type, of_months, of_end, of_provider) AS first_available
    FROM contents
)
SELECT {{statement_columns}}
FROM versions
WHERE CASE of_vintage WHEN 'known' THEN version = newest_version
                      WHEN 'first' THEN version = first_version AND available_date <= as_of_date
                      WHEN 'latest' THEN version = last_version AND first_available <= as_of_date END
