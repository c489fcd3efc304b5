-- successor_company: list symbols that a company with another CIK continues
-- Grain: one row per symbol and successor. `date` is its first day, `detail` names both.
-- The change follows from statements and bars; symbol_history does not have it. Sums and growth rates cross it.
SELECT symbol, valid_from AS date, company_id || ' continues ' || coalesce(before, 'an unknown company') AS detail
FROM (SELECT *, lag(company_id) OVER (PARTITION BY symbol ORDER BY valid_from) AS before FROM company_history)
WHERE kind = 'successor' AND source = 'inferred'
