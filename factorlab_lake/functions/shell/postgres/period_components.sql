-- period_components(symbols, dates, vintage := 'known', year_before := [], types := NULL, availability := 'close'): return the statements of a company's last year
-- Grain: one row per symbol, statement type, years_back, validity interval [valid_from, valid_to) and component. A component
-- is a statement to add, with its sign. Only intervals that contain any of the dates are returned.
-- Parameters:
-- - vintage: see checked_vintage.
-- - year_before: statement types for which the year before is returned too, with years_back 1.
-- - types: statement types; NULL returns all.
-- - availability: see availability_lag_days.
-- Point in time: the newest period end first, then its newest version. So a late amendment of an old quarter does not
-- replace the current quarter. inputs_available_date is the latest available_date of the components.
-- Columns:
-- - id: one number per interval and years_back; exactly one row of each id has is_first.
-- - interval_id: one number per validity interval.
-- - component_reported: false for the components of a derived quarter.
-- - reason: why there are no components.
-- Rules:
-- - Flows (income, cash_flow) are four consecutive quarters in one currency, reported or derived (see quarter_validity).
-- - Quarters are consecutive when their ends are {{MIN_QUARTER_DISTANCE_DAYS}}-{{MAX_QUARTER_DISTANCE_DAYS}} days apart, and {{MIN_FOUR_QUARTERS_DAYS}}-{{MAX_FOUR_QUARTERS_DAYS}} days from first to last.
-- - Without four quarters, the fiscal year's own figures are used if the period end is a year's (basis 'fiscal_year').
-- - A balance sheet is that of the period end, and a quarter's comes before a year's (basis 'balance').
-- - The year before ended {{MIN_YEAR_DISTANCE_DAYS}}-{{MAX_YEAR_DISTANCE_DAYS}} days before the newest period, as known in the same interval.
CREATE OR REPLACE FUNCTION period_components(
    symbols text[], dates date[], vintage text DEFAULT 'known', year_before text[] DEFAULT '{}',
    types text[] DEFAULT NULL, availability text DEFAULT 'close'
) RETURNS TABLE (
    id bigint, interval_id bigint, statement_type text, symbol text, years_back integer, valid_from date, valid_to date,
    fiscal_date date, basis text, derivation text, reported_currency text, inputs_available_date date, reason text,
    months integer, component_date date, component_period text, component_version integer, component_sign integer,
    component_reported boolean, is_first boolean
)
{{planned}}
BEGIN ATOMIC
WITH periods AS MATERIALIZED (
    -- Without the year of the period's end in the joins, every interval is compared with every period of its symbol.
    SELECT row_number() OVER () AS period_id, s.*, date_part('year', s.fiscal_date)::integer AS end_year
    -- The statements of a year with derived quarters end within two years; the year before adds a year.
    FROM quarter_validity(symbols, vintage, dates, types, CASE WHEN year_before = '{}' THEN {{STATEMENT_SEARCH_DAYS}} ELSE {{YEAR_BEFORE_SEARCH_DAYS}} END, availability) s
),
-- Knowledge changes only on days on which a statement becomes available: compute once per interval between them.
intervals AS MATERIALIZED (
    SELECT row_number() OVER () AS interval_id, e.*
    FROM (SELECT statement_type, symbol, valid_from,
                 coalesce(lead(valid_from) OVER by_day, {{END_OF_TIME}}) AS valid_to,
                 max(newest) OVER by_day AS newest
          FROM (SELECT statement_type, symbol, valid_from, max(fiscal_date) AS newest
                FROM periods GROUP BY statement_type, symbol, valid_from) d
          WINDOW by_day AS (PARTITION BY statement_type, symbol ORDER BY valid_from)) e
    WHERE valid_from <= (SELECT max(day) FROM unnest(dates) AS day)
      AND valid_to > (SELECT min(day) FROM unnest(dates) AS day)
),
ends AS MATERIALIZED (
    SELECT row_number() OVER () AS id, e.*
    FROM (SELECT e.*, 0 AS years_back, newest AS end_date FROM intervals e
          UNION ALL
          SELECT e.interval_id, e.statement_type, e.symbol, e.valid_from, e.valid_to, e.newest, 1, max(s.fiscal_date)
          FROM (SELECT e.*, date_part('year', e.newest)::integer - back AS end_year
                FROM intervals e CROSS JOIN generate_series(0, 2) AS back) e
          JOIN periods s
            ON s.statement_type = e.statement_type AND s.symbol = e.symbol AND s.end_year = e.end_year
           AND s.valid_from <= e.valid_from AND s.valid_to > e.valid_from
           AND s.fiscal_date BETWEEN e.newest - {{MAX_YEAR_DISTANCE_DAYS}} AND e.newest - {{MIN_YEAR_DISTANCE_DAYS}}
          WHERE e.statement_type = ANY (year_before)
          GROUP BY e.interval_id, e.statement_type, e.symbol, e.valid_from, e.valid_to, e.newest) e
),
-- Four quarters end within {{MAX_FOUR_QUARTERS_DAYS}} days of each other, so older ones cannot be among them.
known AS MATERIALIZED (
    SELECT e.id, e.end_date, s.period_id, s.statement_type, s.fiscal_date, s.months, s.available_date,
           s.reported_currency, nullif(s.derivation, 'reported') AS derivation,
           s.months = 3 AND s.statement_type <> 'balance_sheet' AS is_quarter
    FROM (SELECT e.*, date_part('year', e.end_date)::integer - back AS end_year
          FROM ends e CROSS JOIN generate_series(0, 1) AS back) e
    JOIN periods s
      ON s.statement_type = e.statement_type AND s.symbol = e.symbol AND s.end_year = e.end_year
     AND s.valid_from <= e.valid_from AND s.valid_to > e.valid_from AND s.fiscal_date <= e.end_date
     AND s.fiscal_date > e.end_date - CASE WHEN s.months = 3 AND s.statement_type <> 'balance_sheet' THEN {{QUARTER_SEARCH_DAYS}} ELSE 1 END
),
-- The last four quarters; `back` is 1 for the newest.
last_quarters AS MATERIALIZED (
    SELECT * FROM (
        SELECT k.*, row_number() OVER newest_first AS back,
               fiscal_date - lead(fiscal_date) OVER newest_first AS gap_days
        FROM known k WHERE is_quarter
        WINDOW newest_first AS (PARTITION BY id ORDER BY fiscal_date DESC)) q
    WHERE back <= 4
),
four AS (
    SELECT id, max(available_date) AS inputs_available_date,
           (array_agg(reported_currency ORDER BY back) FILTER (WHERE reported_currency IS NOT NULL))[1]
               AS reported_currency,
           string_agg(to_char(fiscal_date, 'YYYY-MM-DD') || ' = ' || derivation, '; ' ORDER BY fiscal_date)
               AS derivation,
           CASE WHEN max(fiscal_date) <> max(end_date) THEN 'newest_period_has_no_quarter'
                WHEN count(*) < 4 THEN 'quarter_missing'
                WHEN bool_or(back < 4 AND gap_days NOT BETWEEN {{MIN_QUARTER_DISTANCE_DAYS}} AND {{MAX_QUARTER_DISTANCE_DAYS}})
                  OR max(fiscal_date) - min(fiscal_date) NOT BETWEEN {{MIN_FOUR_QUARTERS_DAYS}} AND {{MAX_FOUR_QUARTERS_DAYS}} THEN 'quarters_not_consecutive'
                WHEN min(reported_currency) <> max(reported_currency) THEN 'currencies_differ' END AS reason
    FROM last_quarters GROUP BY id
),
-- Statements used by themselves: a fiscal year's flows, and a balance sheet (a quarter's before a year's).
whole AS (
    SELECT id, (array_agg(period_id ORDER BY months))[1] AS period_id,
           (array_agg(available_date ORDER BY months))[1] AS available_date,
           (array_agg(reported_currency ORDER BY months) FILTER (WHERE reported_currency IS NOT NULL))[1]
               AS reported_currency
    FROM known WHERE fiscal_date = end_date AND (months = 12 OR statement_type = 'balance_sheet')
    GROUP BY id
),
based AS (
    SELECT e.id, e.interval_id, e.statement_type, e.symbol, e.years_back, e.valid_from, e.valid_to,
           e.end_date AS fiscal_date,
           CASE WHEN q.id IS NOT NULL AND q.reason IS NULL THEN 'quarters'
                WHEN w.id IS NULL THEN NULL
                WHEN e.statement_type = 'balance_sheet' THEN 'balance' ELSE 'fiscal_year' END AS basis,
           q.derivation, q.reported_currency AS quarters_currency, q.inputs_available_date AS quarters_available_date,
           q.reason AS quarters_reason, w.period_id AS whole_period_id, w.reported_currency AS whole_currency,
           w.available_date AS whole_available_date
    FROM ends e LEFT JOIN four q ON q.id = e.id LEFT JOIN whole w ON w.id = e.id
),
chosen AS MATERIALIZED (
    SELECT id, interval_id, statement_type, symbol, years_back, valid_from, valid_to, fiscal_date, basis,
           CASE basis WHEN 'quarters' THEN derivation END AS derivation,
           CASE basis WHEN 'quarters' THEN quarters_currency ELSE whole_currency END AS reported_currency,
           CASE basis WHEN 'quarters' THEN quarters_available_date
                ELSE coalesce(whole_available_date, quarters_available_date) END AS inputs_available_date,
           CASE WHEN basis IS NULL THEN coalesce(quarters_reason, 'quarter_missing') END AS reason,
           CASE basis WHEN 'quarters' THEN NULL ELSE whole_period_id END AS whole_period_id
    FROM based
),
used AS (
    SELECT id, whole_period_id AS period_id, true AS is_end FROM chosen WHERE basis IS DISTINCT FROM 'quarters'
    UNION ALL
    SELECT l.id, l.period_id, l.fiscal_date = l.end_date FROM last_quarters l JOIN chosen c ON c.id = l.id AND c.basis = 'quarters'
),
components AS (
    SELECT s.period_id, s.months, s.derivation = 'reported' AS component_reported, p.place, p.fiscal_date, p.fiscal_period,
           p.version, p.sign
    FROM periods s
    CROSS JOIN LATERAL unnest(s.components) WITH ORDINALITY AS p (fiscal_date, fiscal_period, version, sign, place)
)
SELECT c.id, c.interval_id, c.statement_type, c.symbol, c.years_back, c.valid_from, c.valid_to, c.fiscal_date, c.basis,
       c.derivation, c.reported_currency, c.inputs_available_date, c.reason, p.months, p.fiscal_date,
       p.fiscal_period, p.version, p.sign, p.component_reported, u.is_end AND coalesce(p.place, 1) = 1
FROM chosen c JOIN used u ON u.id = c.id LEFT JOIN components p ON p.period_id = u.period_id;
END;
