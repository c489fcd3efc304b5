-- chain_rhythms: compute how often each chain reports, by the day on which it reported
-- Grain: one row per chain and day on which an income statement of another period became available.
-- Point in time: the period ends of the income statements that were available, whichever version of them.
-- Columns:
-- - newest_end: the newest period end. has_history: the period ends reach back a year.
-- - rhythm_days: {{QUARTER_DAYS}}, {{HALF_YEAR_DAYS}} or {{YEAR_DAYS}}.
-- - extra_age_days: how much longer its figures stay fresh than those of a quarterly reporter.
-- Rules:
-- - The rhythm is the shortest distance between the last three period ends: up to {{MAX_QUARTERLY_RHYTHM_DAYS}} days is quarterly, up to
--   {{MAX_HALF_YEARLY_RHYTHM_DAYS}} half-yearly, more yearly. So a missing quarter or two do not make a reporter half-yearly.
-- - With one period end it is the length of that period.
CREATE OR REPLACE TEMP TABLE chain_rhythms AS
WITH period_ends AS (
    SELECT symbol, chain_id, period_end, min(known_from) AS known_from, min_by(months, (known_from, months)) AS months
    FROM statement_versions WHERE statement_type = 'income'
    GROUP BY symbol, chain_id, period_end
),
last_ends AS (
    SELECT DISTINCT symbol, chain_id, known_from, max(period_end, 3) OVER by_day AS ends, min(period_end) OVER by_day AS first_end,
           max_by(months, period_end) OVER by_day AS months
    FROM period_ends WINDOW by_day AS (PARTITION BY symbol, chain_id ORDER BY known_from)
),
distances AS (
    SELECT symbol, chain_id, known_from, ends[1] AS newest_end, ends[1] - first_end >= {{MIN_YEAR_DISTANCE_DAYS}} AS has_history,
           coalesce(least(ends[1] - ends[2], ends[2] - ends[3]), months * {{YEAR_DAYS}} // 12) AS days
    FROM last_ends
),
rhythms AS (
    SELECT * EXCLUDE (days), CASE WHEN days <= {{MAX_QUARTERLY_RHYTHM_DAYS}} THEN {{QUARTER_DAYS}}
                                  WHEN days <= {{MAX_HALF_YEARLY_RHYTHM_DAYS}} THEN {{HALF_YEAR_DAYS}} ELSE {{YEAR_DAYS}} END AS rhythm_days
    FROM distances
)
SELECT *, CASE rhythm_days WHEN {{QUARTER_DAYS}} THEN 0 WHEN {{HALF_YEAR_DAYS}} THEN {{HALF_YEAR_AGE_LIMIT_DAYS}} - {{QUARTER_AGE_LIMIT_DAYS}}
                           ELSE {{YEAR_AGE_LIMIT_DAYS}} - {{QUARTER_AGE_LIMIT_DAYS}} END AS extra_age_days
FROM rhythms;

-- speakers: tell which provider's statements answer on which days, for the symbols of several providers
-- Grain: one row per company and interval [valid_from, valid_to); the intervals of a company cover all days.
-- Point in time: the statements that were available on the day.
-- Rules:
-- - The first provider in the lake's order speaks whose newest income statement is not stale.
-- - One whose periods do not reach back a year speaks only where no other's do: one loaded statement does not replace the
--   history of a vendor.
-- - Where all are stale, the one with the newest period speaks, also of those that reach back a year.
CREATE OR REPLACE TEMP TABLE speakers AS
WITH states AS (
    SELECT p.*, r.known_from, r.newest_end, r.has_history,
           r.newest_end + {{QUARTER_AGE_LIMIT_DAYS}} + r.extra_age_days::INTEGER + 1 AS stale_from,
           coalesce(lead(r.known_from) OVER (PARTITION BY p.chain_id ORDER BY r.known_from), {{END_OF_TIME}}) AS known_to
    FROM provider_chains p JOIN chain_rhythms r ON r.symbol = p.symbol AND r.chain_id = p.chain_id
),
pieces AS (
    SELECT *, known_from AS valid_from, least(known_to, stale_from) AS valid_to, true AS is_fresh FROM states WHERE stale_from > known_from
    UNION ALL
    SELECT *, greatest(known_from, stale_from), known_to, false FROM states WHERE stale_from < known_to
),
chosen AS (
    SELECT d.day, p.*
    FROM (SELECT company_chain, valid_from AS day FROM pieces UNION SELECT company_chain, valid_to FROM pieces) d
    JOIN pieces p ON p.company_chain = d.company_chain AND d.day >= p.valid_from AND d.day < p.valid_to
    QUALIFY row_number() OVER (
        PARTITION BY d.company_chain, d.day
        ORDER BY p.is_fresh DESC, p.has_history DESC, CASE WHEN NOT p.is_fresh THEN p.newest_end END DESC, p.place) = 1
),
changes AS (
    FROM chosen WINDOW by_day AS (PARTITION BY company_chain ORDER BY day)
    QUALIFY coalesce(chain_id <> lag(chain_id) OVER by_day, true)
),
-- Providers without an income statement: the first that has any statement.
others AS (
    SELECT p.symbol, p.company_chain, p.chain_id, p.source_provider
    FROM provider_chains p SEMI JOIN statement_companies c USING (chain_id) ANTI JOIN states s USING (company_chain)
    QUALIFY row_number() OVER (PARTITION BY p.company_chain ORDER BY p.place) = 1
)
SELECT symbol, company_chain, chain_id, source_provider,
       CASE WHEN lag(day) OVER by_day IS NULL THEN {{BEGINNING_OF_TIME}} ELSE day END AS valid_from,
       coalesce(lead(day) OVER by_day, {{END_OF_TIME}}) AS valid_to
FROM changes WINDOW by_day AS (PARTITION BY company_chain ORDER BY day)
UNION ALL
SELECT *, {{BEGINNING_OF_TIME}}, {{END_OF_TIME}} FROM others;

-- statement_speakers: tell whose statements answer for each symbol, also for one of a single provider
-- Grain: one row per symbol, company and interval. A symbol of one provider has one row, whose company_chain is NULL.
CREATE OR REPLACE TEMP TABLE statement_speakers AS
SELECT symbol, NULL::INTEGER AS company_chain, source_provider, {{BEGINNING_OF_TIME}} AS valid_from, {{END_OF_TIME}} AS valid_to
FROM symbol_providers WHERE NOT is_of_several
UNION ALL
SELECT symbol, company_chain, source_provider, valid_from, valid_to FROM speakers;

-- reporting_rhythm: compute how often each symbol's company reports, by interval
-- Grain: one row per symbol and interval [valid_from, valid_to), from its first income statement on.
-- Rules:
-- - Only the company of the newest period end counts. Of several providers, only the one that speaks on the day does.
CREATE OR REPLACE TEMP TABLE reporting_rhythm AS
WITH spoken AS (
    SELECT r.* REPLACE (greatest(r.known_from, s.valid_from, c.valid_from) AS known_from)
    FROM chain_rhythms r JOIN speakers s ON s.symbol = r.symbol AND s.chain_id = r.chain_id AND r.known_from < s.valid_to
    JOIN companies c ON c.chain_id = s.company_chain AND greatest(r.known_from, s.valid_from) < c.valid_to AND c.valid_from < s.valid_to
    QUALIFY row_number() OVER (PARTITION BY r.chain_id, greatest(r.known_from, s.valid_from, c.valid_from) ORDER BY r.known_from DESC) = 1
),
rhythms AS (
    FROM chain_rhythms ANTI JOIN speakers USING (symbol)
    QUALIFY newest_end = max(newest_end) OVER (PARTITION BY symbol ORDER BY known_from)
    UNION ALL
    (FROM spoken
     QUALIFY row_number() OVER (PARTITION BY symbol, known_from ORDER BY newest_end DESC) = 1)
)
SELECT symbol, known_from AS valid_from,
       coalesce(lead(known_from) OVER (PARTITION BY symbol ORDER BY known_from), {{END_OF_TIME}}) AS valid_to, rhythm_days, extra_age_days
FROM rhythms;
