-- statement_validity: compute when each version of a statement is valid
-- Grain: one row per subject, statement type, company, period (end and length in months) and version, with the interval
-- [valid_from, valid_to).
-- Point in time: with 'known' and 'first', no version before its available_date. 'latest' uses hindsight.
-- Columns:
-- - fiscal_date: the end that the first version of the period gave.
-- - version_place: see statement_versions. A larger place of the same period is newer.
-- Rules:
-- - A later version replaces an earlier one on the day from which it is known.
-- - A completion or remap stands in for the version before it in every vintage, from the day of that version. A user's
--   correction stands in for all versions of its filing.
CREATE OR REPLACE TEMP TABLE statement_validity AS
WITH sized AS (
    SELECT *, count(*) OVER (PARTITION BY statement_type, symbol, chain_id, months, period_end) AS period_versions
    FROM statement_versions WHERE version_place >= corrected_by OR corrected_by IS NULL
),
contents AS (
    SELECT * FROM sized WHERE period_versions > 1
    QUALIFY version_place = max(version_place) OVER (
        PARTITION BY statement_type, symbol, chain_id, months, period_end, head_place)
),
versions AS (
    SELECT *, head_place = min(head_place) OVER of_period AS is_first, min(known_from) OVER of_period AS first_known,
           min(known_from) OVER (of_period ORDER BY head_place ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS superseded
    FROM contents WINDOW of_period AS (PARTITION BY statement_type, symbol, chain_id, months, period_end)
    UNION ALL
    SELECT *, true, known_from, NULL FROM sized WHERE period_versions = 1
)
SELECT s.subject, v.statement_id, v.statement_type, v.chain_id, v.period_end AS fiscal_date, v.fiscal_period, v.months,
       v.reported_currency, v.known_from AS available_date, v.version_place, v.accepted_date,
       CASE s.vintage WHEN 'latest' THEN v.first_known ELSE v.known_from END AS valid_from,
       CASE s.vintage WHEN 'known' THEN coalesce(v.superseded, {{END_OF_TIME}}) ELSE {{END_OF_TIME}} END AS valid_to
FROM versions v JOIN subjects s ON s.symbol = v.symbol
WHERE CASE s.vintage WHEN 'known' THEN v.superseded IS NULL OR v.superseded > v.known_from
                     WHEN 'first' THEN v.is_first
                     WHEN 'latest' THEN v.superseded IS NULL END;
