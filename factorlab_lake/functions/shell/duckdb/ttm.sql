-- ttm(symbols, dates, age_limit := {{QUARTER_AGE_LIMIT_DAYS}}, vintage := 'known'): return the flows of the trailing twelve months as known at each date
-- Grain: one row per requested symbol and date, also where nothing is known; `reason` gives the cause.
-- Parameters:
-- - age_limit: days after which a quarterly reporter's figures are stale. A half-yearly reporter's limit is
--   {{HALF_YEAR_AGE_LIMIT_DAYS}} days, a yearly reporter's {{YEAR_AGE_LIMIT_DAYS}}; another age_limit moves both by as much.
-- - vintage: see checked_vintage.
-- Point in time: as fundamentals_history. Money is in reported_currency.
-- Rules:
-- - Only additive flows are summed. At a fiscal year's end they are the year's own (basis 'fiscal_year'). Between two ends they
--   are the last year less its first months, plus the same months of the next (basis 'year_to_date'), else four consecutive
--   quarters. `derivation` lists the parts that follow from longer periods.
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
