-- factors: compute factors from their inputs, with a reason for each that is NULL
-- Grain: one row per row of inputs.
-- Columns:
-- - reasons: a JSON object with the reason of each factor that is NULL; NULL where none is.
-- - reason: why nothing could be computed; NULL where any factor was.
WITH computed AS (
    SELECT *,
           {{factor_values}}{{reason_texts}}
    FROM inputs
)
SELECT symbol, date, market_cap,
       {{factor_names}},
       fiscal_date, inputs_available_day, age_days, company_id, statement_provider,
       CASE WHEN {{any_factor_missing}}
            THEN '{' || SUBSTR({{factor_reasons}}, 2) || '}' END AS reasons,
       CASE WHEN COALESCE(market_cap, {{factor_names}}) IS NULL
            THEN COALESCE(NULLIF(SUBSTR({{row_reasons}}, 3), ''), 'inputs_missing') END AS reason
FROM computed
