-- ttm(symbols, dates, age_limit := {{QUARTER_AGE_LIMIT_DAYS}}, vintage := 'known'): return the flows of the trailing twelve months as known at each date
-- Grain: one row per requested symbol and date, also where nothing is known; `reason` gives the cause.
-- Parameters:
-- - age_limit: days after which the newest period end is stale. A fiscal year gets {{FISCAL_YEAR_EXTRA_AGE_DAYS}} more, because the next one is due later.
-- - vintage: see checked_vintage.
-- Point in time: as fundamentals_history. Money is in reported_currency.
-- Rules:
-- - Only additive flows are summed: over four consecutive quarters, or the fiscal year where a quarter is missing (basis
--   'fiscal_year'). `derivation` lists the quarters that follow from longer periods.
-- - functions/ttm.sql has the limits and the reasons.
CREATE OR REPLACE MACRO ttm(symbols, dates, age_limit := {{QUARTER_AGE_LIMIT_DAYS}}, vintage := 'known') AS TABLE
WITH {{grid}},
{{fundamentals}},
facts AS (
    SELECT r.symbol, r.date, r.day, age_limit AS age_limit, (i.income_date - {{EPOCH}})::INTEGER AS income_day,
           i.* EXCLUDE (symbol, in_year)
    FROM requested r
    LEFT JOIN intervals i ON i.symbol = r.symbol AND i.in_year = r.in_year AND r.date >= i.valid_from AND r.date < i.valid_to
),
{{ttm}};
