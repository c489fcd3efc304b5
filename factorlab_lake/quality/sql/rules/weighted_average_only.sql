-- weighted_average_only: find symbols whose only share counts are weighted averages
-- Grain: one row per symbol with bars. `date` is the newest average. Its market caps are a proxy.
SELECT symbol, max(fiscal_date) AS date, arg_max(weighted_average_shares_outstanding, fiscal_date) AS value,
       'market caps use weighted averages, not counts' AS detail
FROM income_statements
WHERE weighted_average_shares_outstanding > 0 AND symbol IN (SELECT symbol FROM price_data)
  AND symbol NOT IN (SELECT symbol FROM shares_outstanding)
GROUP BY symbol
