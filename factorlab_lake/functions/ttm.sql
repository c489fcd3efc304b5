-- ttm: return the flows of the trailing twelve months that each row knows, with the reason where they are NULL
-- Grain: one row per row of facts.
-- Rules:
-- - Flows are stale age_limit days after the newest period end. Half-yearly and yearly reporters get extra_age_days more.
-- - Cash flow items are returned only where their twelve months end with those of the income statement, in its currency.
WITH ages AS (
    SELECT *, day - income_day AS age_days,
           CASE WHEN income_reason IS NOT NULL THEN income_reason
                WHEN income_day IS NULL THEN 'no_statement_known'
                WHEN day - income_day > age_limit + extra_age_days
                THEN 'statement_stale' END AS reason,
           CASE WHEN cash_flow_reason IS NULL
                 AND day - income_day <= age_limit + extra_age_days
                THEN 1 ELSE 0 END AS has_cash_flow
    FROM facts
)
SELECT symbol, date, income_date AS fiscal_date, income_basis AS basis, income_derivation AS derivation,
       income_currency AS reported_currency,
       CASE WHEN has_cash_flow = 1 AND cash_flow_available_date > income_available_date
            THEN cash_flow_available_date ELSE income_available_date END AS inputs_available_date,
       age_days,
       {{ttm_columns}},
       company_id, statement_provider, reason
FROM ages
