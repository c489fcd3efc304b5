-- factor_inputs: return the inputs of factors that each row can use, with the reasons for those it cannot
-- Grain: one row per row of facts.
-- Rules:
-- - Flows and balances are stale age_limit days after the end of their period. Half-yearly and yearly reporters get
--   extra_age_days more.
-- - An input is NULL where there is a reason against its statement.
-- - company_market_cap is the cap of all listed classes. It is that of the symbol where no other class is held; the classes of other
--   symbols are not in these rows, so there it is NULL with 'several_classes'.
-- - inputs_available_day is the latest day on which an input became available, in days since 1970-01-01.
WITH reasons AS (
    SELECT symbol, date, market_cap, CASE WHEN multi_class THEN 'several_classes' END AS company_market_cap_reason,
           currency, income_currency, income_year_before_currency, balance_sheet_currency,
           balance_sheet_year_before_currency, company_id, statement_provider{{input_columns}},
           CASE WHEN income_day >= balance_sheet_day OR balance_sheet_day IS NULL THEN income_date ELSE balance_sheet_date END AS fiscal_date,
           CASE WHEN income_day >= balance_sheet_day OR balance_sheet_day IS NULL THEN day - income_day ELSE day - balance_sheet_day END AS age_days,
           COALESCE(shares_available_day, {{NO_DAY}}) AS shares_known_day,
           COALESCE(income_years_available_day, {{NO_DAY}}) AS income_known_day,
           COALESCE(balance_sheet_years_available_day, {{NO_DAY}}) AS balance_sheet_known_day,
           COALESCE(cash_flow_available_day, {{NO_DAY}}) AS cash_flow_known_day,
           income_year_before_reason, balance_sheet_year_before_reason, market_cap_reason,
           CASE WHEN income_reason IS NOT NULL THEN income_reason
                WHEN income_day IS NULL THEN 'no_statement_known'
                WHEN day - income_day > age_limit + extra_age_days
                THEN 'statement_stale' END AS income_reason,
           CASE WHEN cash_flow_reason IS NOT NULL THEN cash_flow_reason
                WHEN day - income_day > age_limit + extra_age_days
                THEN 'statement_stale' END AS cash_flow_reason,
           CASE WHEN balance_sheet_reason IS NOT NULL THEN balance_sheet_reason
                WHEN balance_sheet_day IS NULL THEN 'no_balance_sheet_known'
                WHEN day - balance_sheet_day > age_limit + extra_age_days
                THEN 'balance_sheet_stale' END AS balance_sheet_reason
    FROM facts
)
SELECT symbol, date, market_cap, CASE WHEN company_market_cap_reason IS NULL THEN market_cap END AS company_market_cap,
       currency, income_currency, income_year_before_currency, balance_sheet_currency,
       balance_sheet_year_before_currency, fiscal_date, age_days, company_id, statement_provider,
       market_cap_reason, company_market_cap_reason, income_reason,
       CASE WHEN income_reason IS NULL THEN cash_flow_reason ELSE income_reason END AS cash_flow_reason,
       balance_sheet_reason,
       CASE WHEN income_reason IS NULL THEN income_year_before_reason ELSE income_reason END AS income_year_before_reason,
       CASE WHEN balance_sheet_reason IS NULL THEN balance_sheet_year_before_reason ELSE balance_sheet_reason END AS balance_sheet_year_before_reason,
       NULLIF(GREATEST(shares_known_day, income_known_day, balance_sheet_known_day,
                       CASE WHEN cash_flow_reason IS NULL THEN cash_flow_known_day ELSE {{NO_DAY}} END), {{NO_DAY}}) AS inputs_available_day{{usable_inputs}}
FROM reasons
