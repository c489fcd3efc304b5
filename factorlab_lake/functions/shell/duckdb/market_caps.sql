-- market_caps(symbols, dates, price_age_limit := {{PRICE_AGE_LIMIT_DAYS}}, shares_age_limit := {{QUARTER_AGE_LIMIT_DAYS}}, vintage := 'known'): return market capitalisations
-- Grain: one row per requested symbol and date, also where the answer is NULL; `reason` gives the cause.
-- Parameters:
-- - price_age_limit: calendar days that the price may be older than the date.
-- - shares_age_limit: days after the day counted from which a share count is stale. The limit of companies that report
--   half-yearly or yearly is longer, {{HALF_YEAR_AGE_LIMIT_DAYS}} or {{YEAR_AGE_LIMIT_DAYS}} days by default.
-- - vintage: the version of the share counts (see checked_vintage).
-- Point in time: no bar after the date, no count before its available_date.
-- Rules:
-- - The price is the last bar on or before the date, on its own split basis.
-- - The share count is that of shares_as_of.
-- - functions/market_caps.sql has the arithmetic and the reasons.
CREATE OR REPLACE MACRO market_caps(symbols, dates, price_age_limit := {{PRICE_AGE_LIMIT_DAYS}}, shares_age_limit := {{QUARTER_AGE_LIMIT_DAYS}}, vintage := 'known') AS TABLE
WITH {{grid}},
{{bars_of_grid}},
{{cap_facts}},
facts AS (FROM cap_facts),
{{market_caps}};
