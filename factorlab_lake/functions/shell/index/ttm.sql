-- facts of ttm in the read index
-- Grain: one row per looked-up row: the valid row of fundamentals_history.
SELECT *, income_date AS income_day, {{QUARTER_AGE_LIMIT_DAYS}} AS age_limit
FROM looked_up
