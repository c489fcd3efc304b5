-- period_components(symbols, dates, vintage := 'known', year_before := [], types := NULL): return the statements of a company's last year
-- Grain: one row per symbol, statement type, years_back, validity interval [valid_from, valid_to) and component. A component
-- is a statement to add, with its sign. Only intervals that contain any of the dates are returned.
-- Parameters:
-- - vintage: see checked_vintage.
-- - year_before: statement types for which the year before is returned too, with years_back 1.
-- - types: statement types; NULL returns all.
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
CREATE OR REPLACE MACRO period_components(symbols, dates, vintage := 'known', year_before := []::VARCHAR[], types := NULL) AS TABLE
WITH periods AS MATERIALIZED (
    -- The statements of a year with derived quarters end within two years; the year before adds a year.
    SELECT row_number() OVER () AS period_id, *
    FROM quarter_validity(symbols, vintage := vintage, dates := dates, types := types,
                         days_back := CASE WHEN len(year_before) > 0 THEN {{YEAR_BEFORE_SEARCH_DAYS}} ELSE {{STATEMENT_SEARCH_DAYS}} END)
),
-- Knowledge changes only on days on which a statement becomes available: compute once per interval between them.
intervals AS MATERIALIZED (
    SELECT row_number() OVER () AS interval_id, *
    FROM (SELECT statement_type, symbol, valid_from,
                 coalesce(lead(valid_from) OVER by_day, {{END_OF_TIME}}) AS valid_to,
                 max(newest) OVER by_day AS newest
          FROM (SELECT statement_type, symbol, valid_from, max(fiscal_date) AS newest FROM periods GROUP BY ALL)
          WINDOW by_day AS (PARTITION BY statement_type, symbol ORDER BY valid_from))
    WHERE valid_from <= list_max(dates)::DATE AND valid_to > list_min(dates)::DATE
),
ends AS MATERIALIZED (
    SELECT row_number() OVER () AS id, *
    FROM (SELECT *, 0 AS years_back, newest AS end_date FROM intervals
          UNION ALL
          SELECT e.*, 1, max(s.fiscal_date)
          FROM intervals e JOIN periods s
            ON s.statement_type = e.statement_type AND s.symbol = e.symbol
           AND s.valid_from <= e.valid_from AND s.valid_to > e.valid_from
           AND s.fiscal_date BETWEEN e.newest - {{MAX_YEAR_DISTANCE_DAYS}} AND e.newest - {{MIN_YEAR_DISTANCE_DAYS}}
          WHERE list_contains(year_before, e.statement_type)
          GROUP BY ALL)
),
-- Four quarters end within {{MAX_FOUR_QUARTERS_DAYS}} days of each other, so older ones cannot be among them.
known AS MATERIALIZED (
    SELECT e.id, e.end_date, s.period_id, s.statement_type, s.fiscal_date, s.months, s.available_date,
           s.reported_currency, nullif(s.derivation, 'reported') AS derivation
    FROM ends e JOIN periods s
      ON s.statement_type = e.statement_type AND s.symbol = e.symbol
     AND s.valid_from <= e.valid_from AND s.valid_to > e.valid_from AND s.fiscal_date <= e.end_date
     AND s.fiscal_date > e.end_date - CASE WHEN s.months = 3 AND s.statement_type <> 'balance_sheet' THEN {{QUARTER_SEARCH_DAYS}} ELSE 1 END
),
days AS (
    SELECT id, list_sort(list(fiscal_date)) AS ends
    FROM known WHERE months = 3 AND statement_type <> 'balance_sheet' GROUP BY id
),
-- The last four quarters.
last_quarters AS MATERIALIZED (
    SELECT k.*, d.ends
    FROM known k JOIN days d ON d.id = k.id
    WHERE k.months = 3 AND k.statement_type <> 'balance_sheet' AND k.fiscal_date >= coalesce(d.ends[-4], d.ends[1])
),
four AS (
    SELECT id, max(available_date) AS inputs_available_date, any_value(reported_currency) AS reported_currency,
           string_agg(fiscal_date::VARCHAR || ' = ' || derivation, '; ') AS derivation,
           CASE WHEN max(fiscal_date) <> any_value(end_date) THEN 'newest_period_has_no_quarter'
                WHEN count(*) < 4 THEN 'quarter_missing'
                WHEN any_value(ends[-1] - ends[-2] NOT BETWEEN {{MIN_QUARTER_DISTANCE_DAYS}} AND {{MAX_QUARTER_DISTANCE_DAYS}} OR ends[-2] - ends[-3] NOT BETWEEN {{MIN_QUARTER_DISTANCE_DAYS}} AND {{MAX_QUARTER_DISTANCE_DAYS}}
                               OR ends[-3] - ends[-4] NOT BETWEEN {{MIN_QUARTER_DISTANCE_DAYS}} AND {{MAX_QUARTER_DISTANCE_DAYS}})
                  OR max(fiscal_date) - min(fiscal_date) NOT BETWEEN {{MIN_FOUR_QUARTERS_DAYS}} AND {{MAX_FOUR_QUARTERS_DAYS}} THEN 'quarters_not_consecutive'
                WHEN min(reported_currency) <> max(reported_currency) THEN 'currencies_differ' END AS reason
    FROM last_quarters GROUP BY id
),
-- Statements used by themselves: a fiscal year's flows, and a balance sheet (a quarter's before a year's).
whole AS (
    SELECT id, min_by(period_id, months) AS period_id, min_by(available_date, months) AS available_date,
           min_by(reported_currency, months) AS reported_currency
    FROM known WHERE fiscal_date = end_date AND (months = 12 OR statement_type = 'balance_sheet')
    GROUP BY id
),
chosen AS MATERIALIZED (
    SELECT e.id, e.interval_id, e.statement_type, e.symbol, e.years_back, e.valid_from, e.valid_to, e.end_date AS fiscal_date,
           CASE WHEN q.id IS NOT NULL AND q.reason IS NULL THEN 'quarters'
                WHEN w.id IS NULL THEN NULL
                WHEN e.statement_type = 'balance_sheet' THEN 'balance' ELSE 'fiscal_year' END AS basis,
           CASE basis WHEN 'quarters' THEN array_to_string(list_sort(string_split(q.derivation, '; ')), '; ')
           END AS derivation,
           CASE basis WHEN 'quarters' THEN q.reported_currency ELSE w.reported_currency END AS reported_currency,
           CASE basis WHEN 'quarters' THEN q.inputs_available_date
                ELSE coalesce(w.available_date, q.inputs_available_date) END AS inputs_available_date,
           CASE WHEN basis IS NULL THEN coalesce(q.reason, 'quarter_missing') END AS reason,
           CASE basis WHEN 'quarters' THEN NULL ELSE w.period_id END AS whole_period_id
    FROM ends e LEFT JOIN four q ON q.id = e.id LEFT JOIN whole w ON w.id = e.id
),
used AS (
    SELECT id, whole_period_id AS period_id, true AS is_end FROM chosen WHERE basis IS DISTINCT FROM 'quarters'
    UNION ALL
    SELECT l.id, l.period_id, l.fiscal_date = l.end_date FROM last_quarters l JOIN chosen c ON c.id = l.id AND c.basis = 'quarters'
),
components AS (
    SELECT period_id, months, derivation = 'reported' AS component_reported, generate_subscripts(components, 1) AS place,
           unnest(components) AS component
    FROM periods
)
SELECT c.* EXCLUDE (whole_period_id), p.months, p.component.fiscal_date AS component_date, p.component.fiscal_period AS component_period,
       p.component.version AS component_version, p.component.sign AS component_sign, p.component_reported,
       u.is_end AND coalesce(p.place, 1) = 1 AS is_first
FROM chosen c JOIN used u ON u.id = c.id LEFT JOIN components p ON p.period_id = u.period_id;
