-- period_spans(symbols, vintage := 'known'): from when until when each version of a statement is the one to use
-- Grain: one row per statement type, symbol, period end, length in months and version; `known_until` is exclusive.
-- vintage: 'known' takes the newest version available at a date. 'first' keeps the first version for ever.
-- 'latest' takes the newest version of all from the day the first one was available: hindsight, to measure what
-- restatements change; available_date then lies after the dates it is used for.
-- Point in time: with 'known' and 'first' no version before its available_date. A version is superseded by a later
-- one (by acceptance, then fetch; see `version`) on the day that one becomes available.
CREATE OR REPLACE MACRO period_spans(symbols, vintage := 'known') AS TABLE
WITH versions AS (
    SELECT *, row_number() OVER by_version AS place,
           min(available_date) OVER (by_version ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS superseded,
           min(available_date) OVER (
               PARTITION BY statement_type, symbol, fiscal_date, months) AS first_available
    FROM statement_periods WHERE symbol IN (SELECT unnest(symbols))
    WINDOW by_version AS (PARTITION BY statement_type, symbol, fiscal_date, months ORDER BY version, fiscal_period)
)
SELECT statement_type, symbol, fiscal_date, fiscal_period, months, version, reported_currency, available_date,
       CASE vintage WHEN 'latest' THEN first_available ELSE available_date END AS known_from,
       CASE vintage WHEN 'known' THEN coalesce(superseded, DATE '9999-01-01') ELSE DATE '9999-01-01' END AS known_until
FROM versions
WHERE CASE vintage WHEN 'known' THEN superseded IS NULL OR superseded > available_date
                   WHEN 'first' THEN place = 1
                   WHEN 'latest' THEN superseded IS NULL
                   ELSE error('vintage is ''' || vintage || '''; expected known, first or latest') END;
