-- symbol_reused: find symbols that passed from one company to another
-- Grain: one row per symbol and later company. `date` is the first day of the later one, `detail` names both.
-- The change follows from statements and bars; symbol_history does not have it. Between both companies no answer has a value.
SELECT symbol, valid_from AS date, company_id || ' after ' || coalesce(before, 'an unknown company') AS detail
FROM (SELECT *, lag(company_id) OVER (PARTITION BY symbol ORDER BY valid_from) AS before FROM company_history)
WHERE kind = 'reuse' AND source = 'inferred'
