-- vendor_revision: find statements whose figures the provider changed without another filing
-- Grain: one row per symbol, fiscal period and version. The newer figures count from the day on which they were first seen.
SELECT symbol, fiscal_date AS date, fiscal_period, version, 'other figures of the same filing' AS detail
FROM {{table}}
WHERE change_kind = 'vendor_revision'
