-- statement_validity: compute when each version of a statement is valid
-- Grain: one row per subject, statement type, period end, length in months and version, with the interval [valid_from,
-- valid_to).
-- Point in time: with 'known' and 'first', no version before its available_date. 'latest' uses hindsight.
-- Rules:
-- - A later version (by acceptance, then fetch; see `version`) replaces an earlier one on the day it becomes available.
-- - Different labels of one period (Q3 filed again as Q4) are versions of it, in the order of their available_date.
CREATE OR REPLACE TEMP TABLE statement_validity AS
WITH versions AS (
    SELECT *, row_number() OVER by_version AS place,
           min(available_date) OVER (by_version ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS superseded,
           min(available_date) OVER (PARTITION BY statement_type, symbol, fiscal_date, months) AS first_available
    FROM statement_versions
    WINDOW by_version AS (
        PARTITION BY statement_type, symbol, fiscal_date, months ORDER BY available_date, version, fiscal_period)
)
SELECT s.subject, v.statement_id, v.statement_type, v.fiscal_date, v.fiscal_period, v.months, v.reported_currency, v.available_date,
       CASE s.vintage WHEN 'latest' THEN v.first_available ELSE v.available_date END AS valid_from,
       CASE s.vintage WHEN 'known' THEN coalesce(v.superseded, {{END_OF_TIME}}) ELSE {{END_OF_TIME}} END AS valid_to
FROM versions v JOIN subjects s ON s.symbol = v.symbol
WHERE CASE s.vintage WHEN 'known' THEN v.superseded IS NULL OR v.superseded > v.available_date
                     WHEN 'first' THEN v.place = 1
                     WHEN 'latest' THEN v.superseded IS NULL END;
