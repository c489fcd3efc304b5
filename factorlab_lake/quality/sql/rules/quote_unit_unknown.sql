-- quote_unit_unknown: find symbols with bars that are quoted in pence or in pounds
-- Grain: one row per symbol. Its exchange quotes in hundredths, and no profile has its currency; its market caps are NULL.
SELECT symbol, max(date) AS date, arg_max(close_price, date) AS value, 'no profile has the unit of its quotes; load a profile with their currency' AS detail
FROM price_data
WHERE {{is_quote_unit_unknown}} AND symbol NOT IN (SELECT symbol FROM instruments WHERE currency IS NOT NULL)
GROUP BY symbol
