-- reporting_rhythm: compute how often each symbol's company reports, by interval
-- Grain: one row per symbol and interval [valid_from, valid_to), from its first income statement on.
-- Point in time: the period ends of the income statements that were available, whichever version of them.
-- Columns:
-- - rhythm_days: {{QUARTER_DAYS}}, {{HALF_YEAR_DAYS}} or {{YEAR_DAYS}}.
-- - extra_age_days: how much longer its figures stay fresh than those of a quarterly reporter.
-- Rules:
-- - The rhythm is the shortest distance between the last three period ends: up to {{MAX_QUARTERLY_RHYTHM_DAYS}} days is quarterly, up to
--   {{MAX_HALF_YEARLY_RHYTHM_DAYS}} half-yearly, more yearly. So a missing quarter or two do not make a reporter half-yearly.
-- - With one period end it is the length of that period.
-- - Only the company of the newest period end counts.
CREATE OR REPLACE TEMP TABLE reporting_rhythm AS
WITH period_ends AS (
    SELECT symbol, chain_id, period_end, min(known_from) AS known_from, min_by(months, (known_from, months)) AS months
    FROM statement_versions WHERE statement_type = 'income'
    GROUP BY symbol, chain_id, period_end
),
last_ends AS (
    SELECT DISTINCT symbol, known_from, max(period_end, 3) OVER by_day AS ends, max_by(months, period_end) OVER by_day AS months
    FROM period_ends WINDOW by_day AS (PARTITION BY symbol, chain_id ORDER BY known_from)
),
distances AS (
    SELECT symbol, known_from, coalesce(least(ends[1] - ends[2], ends[2] - ends[3]), months * {{YEAR_DAYS}} // 12) AS days
    FROM (FROM last_ends QUALIFY ends[1] = max(ends[1]) OVER (PARTITION BY symbol ORDER BY known_from))
),
rhythms AS (
    SELECT symbol, known_from, CASE WHEN days <= {{MAX_QUARTERLY_RHYTHM_DAYS}} THEN {{QUARTER_DAYS}}
                                    WHEN days <= {{MAX_HALF_YEARLY_RHYTHM_DAYS}} THEN {{HALF_YEAR_DAYS}} ELSE {{YEAR_DAYS}} END AS rhythm_days
    FROM distances
)
SELECT symbol, known_from AS valid_from,
       coalesce(lead(known_from) OVER (PARTITION BY symbol ORDER BY known_from), {{END_OF_TIME}}) AS valid_to, rhythm_days,
       CASE rhythm_days WHEN {{QUARTER_DAYS}} THEN 0 WHEN {{HALF_YEAR_DAYS}} THEN {{HALF_YEAR_AGE_LIMIT_DAYS}} - {{QUARTER_AGE_LIMIT_DAYS}}
                        ELSE {{YEAR_AGE_LIMIT_DAYS}} - {{QUARTER_AGE_LIMIT_DAYS}} END AS extra_age_days
FROM rhythms;
