-- factors(symbols, dates, age_limit := {{QUARTER_AGE_LIMIT_DAYS}}, vintage := 'known'): return valuation, profitability, leverage and growth factors
-- Grain: one row per requested symbol and date. `reasons` has the cause of each factor that is NULL.
-- Parameters:
-- - age_limit: days after which a quarterly reporter's figures are stale. A half-yearly reporter's limit is
--   {{HALF_YEAR_AGE_LIMIT_DAYS}} days, a yearly reporter's {{YEAR_AGE_LIMIT_DAYS}}; another age_limit moves both by as much.
-- - vintage: see checked_vintage.
-- Point in time: as factor_inputs.
-- Rules:
-- - factors/factors.csv has the formulas. Each is a numerator over a denominator that must be positive.
-- - Items that meet in a factor must share one currency, or it is NULL with 'currencies_differ'. company_profiles gives the currency of
--   the price. The method lake.factors converts with the rates of fx_rates.
-- - Where the lake holds another class of shares of the company, an enterprise value is NULL with 'several_classes'. The method
--   lake.factors adds up the classes.
CREATE OR REPLACE MACRO factors(symbols, dates, age_limit := {{QUARTER_AGE_LIMIT_DAYS}}, vintage := 'known') AS TABLE
WITH {{grid}},
{{bars_of_grid}},
{{cap_facts}},
{{fundamentals}},
{{factor_facts}},
inputs AS (WITH {{inputs_of_factors}})
{{factors_with_dates}};
