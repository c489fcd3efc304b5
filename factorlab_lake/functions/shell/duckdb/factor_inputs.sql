-- factor_inputs(symbols, dates, age_limit := {{QUARTER_AGE_LIMIT_DAYS}}, vintage := 'known'): return the market cap, the flows and the balances from which factors are computed
-- Grain: one row per requested symbol and date. An input that cannot be used is NULL, and the reason of its part gives the
-- cause.
-- Parameters:
-- - age_limit: days after which a quarterly reporter's figures are stale. A half-yearly reporter's limit is
--   {{HALF_YEAR_AGE_LIMIT_DAYS}} days, a yearly reporter's {{YEAR_AGE_LIMIT_DAYS}}; another age_limit moves both by as much.
-- - vintage: see checked_vintage.
-- Point in time: as market_caps and fundamentals_history. inputs_available_date is the latest available_date of all inputs.
-- Rules:
-- - The inputs are the market cap, the flows of the trailing twelve months and the newest balance sheet known at the date.
-- - Inputs named …_year_before are the same a year earlier, as known at the date.
-- - Balances are those at the period end, not averages.
-- - company_market_cap is the cap of all classes of shares: that of the symbol, or NULL with 'several_classes' where the lake holds others.
-- - Where vendors write 0 for "not reported", a 0 is missing.
CREATE OR REPLACE MACRO factor_inputs(symbols, dates, age_limit := {{QUARTER_AGE_LIMIT_DAYS}}, vintage := 'known') AS TABLE
WITH {{grid}},
{{bars_of_grid}},
{{cap_facts}},
{{fundamentals}},
{{factor_facts}}
{{factor_inputs_with_dates}};
