-- vendor_revision: find statements whose figures the provider changed without another filing
-- Grain: one row per symbol, fiscal period and version. The newer figures count from the day on which they were first seen.
-- Two filing dates are two filings.
SELECT symbol, fiscal_date AS date, fiscal_period, version, 'other figures of the same filing' AS detail
FROM (
    SELECT *, lag(filing_date) OVER (PARTITION BY symbol, source_provider, fiscal_date, fiscal_period ORDER BY version) AS filed_before
    FROM {{table}}
)
WHERE change_kind = 'vendor_revision' AND (filing_date = filed_before OR filing_date IS NULL OR filed_before IS NULL)
   OR availability_basis = 'first_seen'
