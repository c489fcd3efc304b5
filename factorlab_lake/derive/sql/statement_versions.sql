-- statement_versions: order all versions of each period, without their figures
-- Grain: one row per statement version.
-- Columns:
-- - chain_id, months: company and length of the period.
-- - period_end: the end that the first statement of that end gave, of any type: all types of one end agree.
-- - version_place: place of the version in its period, from 1; the newest comes last.
-- - filing_place: place of the first version of the filing. corrected_by: place of a user's last correction of it.
-- - head_place: place of the version that this one completes; for a correction that of its filing; for others their own.
-- - known_from: first day on which the content counts, which is that of the head.
-- Rules:
-- - Versions of one period have the same company and length, and end within {{SAME_PERIOD_DAYS}} days of period_end.
-- - The order is that of `version`: by acceptance, then by fetch. Two rows with one number (from labels whose lengths differ)
--   are ordered by acceptance.
CREATE OR REPLACE TEMP TABLE statement_versions AS
WITH collected AS (
{{statement_versions}}
),
distances AS (
    SELECT *, coalesce(fiscal_date - lag(fiscal_date) OVER by_end > {{SAME_PERIOD_DAYS}}, true) AS is_apart
    FROM collected WINDOW by_end AS (PARTITION BY symbol, chain_id ORDER BY fiscal_date)
),
near AS (
    SELECT * EXCLUDE (is_apart),
           count(*) FILTER (is_apart) OVER (PARTITION BY symbol, chain_id ORDER BY fiscal_date) AS place
    FROM distances
),
periods AS (
    SELECT * EXCLUDE (place, first_end),
           CASE WHEN abs(fiscal_date - first_end) <= {{SAME_PERIOD_DAYS}} THEN first_end ELSE fiscal_date END AS period_end
    FROM (SELECT *, first_value(fiscal_date) OVER (
                        PARTITION BY symbol, chain_id, place
                        ORDER BY coalesce(accepted_date, available_date), version, fiscal_date) AS first_end
          FROM near)
),
sized AS (
    SELECT *, count(*) OVER (PARTITION BY statement_type, symbol, chain_id, months, period_end) AS period_versions FROM periods
),
-- Most periods have one version, and there is nothing to order.
single AS (
    SELECT * EXCLUDE (period_versions), 1 AS version_place, 1 AS filing_place,
           CASE WHEN change_kind = 'correction' THEN 1 END AS corrected_by, 1 AS head_place, available_date AS known_from
    FROM sized WHERE period_versions = 1
),
counted AS (
    SELECT * EXCLUDE (period_versions), period_versions > count(DISTINCT version) OVER of_period AS is_ambiguous
    FROM sized WHERE period_versions > 1 WINDOW of_period AS (PARTITION BY statement_type, symbol, chain_id, months, period_end)
),
ordered AS (
    SELECT * EXCLUDE (is_ambiguous), row_number() OVER by_version AS version_place
    FROM counted
    WINDOW by_version AS (
        PARTITION BY statement_type, symbol, chain_id, months, period_end
        ORDER BY CASE WHEN is_ambiguous THEN coalesce(accepted_date, available_date) END, version, fiscal_period, fiscal_date)
),
filings AS (
    SELECT *, max(CASE WHEN version_place = 1 OR change_kind IN ('original', 'restatement') THEN version_place END) OVER by_place AS filing_place
    FROM ordered
    WINDOW by_place AS (PARTITION BY statement_type, symbol, chain_id, months, period_end ORDER BY version_place)
),
headed AS (
    SELECT *, max(CASE WHEN change_kind = 'correction' THEN version_place END) OVER (
                  PARTITION BY statement_type, symbol, chain_id, months, period_end, filing_place) AS corrected_by,
           CASE WHEN change_kind = 'correction' THEN filing_place
                ELSE max(CASE WHEN version_place = 1 OR change_kind NOT IN ({{stand_ins}}) THEN version_place END) OVER by_place
           END AS head_place
    FROM filings
    WINDOW by_place AS (PARTITION BY statement_type, symbol, chain_id, months, period_end ORDER BY version_place)
)
SELECT * REPLACE (coalesce(reported_currency, last_value(reported_currency IGNORE NULLS) OVER of_head) AS reported_currency),
       first_value(available_date) OVER of_head AS known_from
FROM headed
WINDOW of_head AS (PARTITION BY statement_type, symbol, chain_id, months, period_end, head_place ORDER BY version_place)
UNION ALL BY NAME
FROM single;

-- completed: list the versions of which one completes or corrects another, with a number for those that belong together
-- Grain: one row per version.
-- Rules:
-- - An item that a completion, a remap or a correction lacks is that of the version before it: it says nothing of this item.
CREATE OR REPLACE TEMP TABLE completed AS
SELECT statement_id, version_place,
       dense_rank() OVER (ORDER BY statement_type, symbol, chain_id, months, period_end,
                                   CASE WHEN corrected_by IS NULL THEN head_place ELSE filing_place END) AS completed_id
FROM statement_versions WHERE symbol IN (SELECT symbol FROM statement_versions WHERE change_kind IN ({{stand_ins}}))
QUALIFY count_if(change_kind IN ({{stand_ins}})) OVER (
    PARTITION BY statement_type, symbol, chain_id, months, period_end, filing_place) > 0;

{{completed_rows}}

-- subjects: number each symbol and vintage whose history is computed
-- Grain: one row per symbol and vintage. A symbol without a restated period has only the vintage 'known', because all
-- three agree.
CREATE OR REPLACE TEMP TABLE subjects AS
WITH companies AS (SELECT symbol, bool_or(head_place > 1) AS restated FROM statement_versions GROUP BY symbol)
SELECT row_number() OVER (ORDER BY symbol)::INTEGER AS subject, *
FROM (SELECT symbol, restated, unnest(CASE WHEN restated THEN ['known', 'first', 'latest'] ELSE ['known'] END) AS vintage
      FROM companies);
