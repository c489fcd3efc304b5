-- ratios: return the factors of each period on the day on which it became available
-- Grain: one row per row of periods: a period, with the factors that were known on that day.
-- Columns of periods: fiscal_date is the period's end, known_fiscal_date that of the newest statement known on the day.
-- Rules:
-- - Where a newer period was known by then (an old filing arrived late), the ratios are NULL with 'newer_period_known'.
WITH compared AS (
    SELECT *, CASE WHEN known_fiscal_date = fiscal_date THEN 1 ELSE 0 END AS is_newest
    FROM periods
)
SELECT symbol, fiscal_date, date, accepted_date, market_cap, shares_outstanding,
       {{factors_of_newest}},
       inputs_available_date, age_days, company_id, statement_provider,
       CASE WHEN is_newest = 1 THEN reasons END AS reasons,
       CASE WHEN known_fiscal_date > fiscal_date THEN 'newer_period_known' ELSE reason END AS reason
FROM compared
