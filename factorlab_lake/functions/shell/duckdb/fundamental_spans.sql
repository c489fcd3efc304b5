-- fundamental_spans(symbols, dates, vintage := 'known', year_before := [], types := NULL): what stands for a company's
-- last year
-- Grain: one row per symbol, statement type, years_back (0: the newest year; 1: the one before it, for the statement
-- types listed in year_before),
-- stretch of time [known_from, known_until) that holds any of the dates, and part: a statement to add up, with its sign.
-- `id` numbers them, `event` the stretches; exactly one row of each id has is_head, so WHERE is_head gives one row each.
-- part_reported is false for the parts of a quarter that is derived. Without parts, `reason` says why.
-- Flows (income, cash_flow): four consecutive quarters in one currency, ends {{MIN_QUARTER_DISTANCE_DAYS}}-{{MAX_QUARTER_DISTANCE_DAYS}} days apart and {{MIN_FOUR_QUARTERS_DAYS}}-{{MAX_FOUR_QUARTERS_DAYS}} days from
-- first to last (basis 'quarters'), each reported or derived (see statement_spans); where they are not there and the period
-- end is a fiscal year's, the year's own figures (basis 'fiscal_year'). Balance sheets: the one of the period end, a
-- quarter's before a year's (basis 'balance').
-- A year before: the period that ended {{MIN_YEAR_DISTANCE_DAYS}}-{{MAX_YEAR_DISTANCE_DAYS}} days before the newest, as known in the same stretch of time.
-- Point in time: the newest period end first, then its newest version, so that a late amendment of an old quarter does
-- not displace the current one. inputs_available_date is the latest of the parts' available_date.
CREATE OR REPLACE MACRO fundamental_spans(symbols, dates, vintage := 'known', year_before := []::VARCHAR[], types := NULL) AS TABLE
WITH spans AS MATERIALIZED (
    -- A year with its derived quarters takes less than two years, the one before it another.
    SELECT row_number() OVER () AS span, *
    FROM statement_spans(symbols, vintage := vintage, dates := dates, types := types,
                         days_back := CASE WHEN len(year_before) > 0 THEN {{YEAR_BEFORE_SEARCH_DAYS}} ELSE {{STATEMENT_SEARCH_DAYS}} END)
),
-- What is known changes only on the days when something becomes known: answer once per such day.
events AS MATERIALIZED (
    SELECT row_number() OVER () AS event, *
    FROM (SELECT statement_type, symbol, known_from,
                 coalesce(lead(known_from) OVER by_day, {{END_OF_TIME}}) AS known_until,
                 max(newest) OVER by_day AS newest
          FROM (SELECT statement_type, symbol, known_from, max(fiscal_date) AS newest FROM spans GROUP BY ALL)
          WINDOW by_day AS (PARTITION BY statement_type, symbol ORDER BY known_from))
    WHERE known_from <= list_max(dates)::DATE AND known_until > list_min(dates)::DATE
),
ends AS MATERIALIZED (
    SELECT row_number() OVER () AS id, *
    FROM (SELECT *, 0 AS years_back, newest AS end_date FROM events
          UNION ALL
          SELECT e.*, 1, max(s.fiscal_date)
          FROM events e JOIN spans s
            ON s.statement_type = e.statement_type AND s.symbol = e.symbol
           AND s.known_from <= e.known_from AND s.known_until > e.known_from
           AND s.fiscal_date BETWEEN e.newest - {{MAX_YEAR_DISTANCE_DAYS}} AND e.newest - {{MIN_YEAR_DISTANCE_DAYS}}
          WHERE list_contains(year_before, e.statement_type)
          GROUP BY ALL)
),
-- Four quarters end within {{MAX_FOUR_QUARTERS_DAYS}} days of each other: nothing older can be a leg.
known AS MATERIALIZED (
    SELECT e.id, e.end_date, s.span, s.statement_type, s.fiscal_date, s.months, s.available_date,
           s.reported_currency, nullif(s.derivation, 'reported') AS derivation
    FROM ends e JOIN spans s
      ON s.statement_type = e.statement_type AND s.symbol = e.symbol
     AND s.known_from <= e.known_from AND s.known_until > e.known_from AND s.fiscal_date <= e.end_date
     AND s.fiscal_date > e.end_date - CASE WHEN s.months = 3 AND s.statement_type <> 'balance_sheet' THEN {{QUARTER_SEARCH_DAYS}} ELSE 1 END
),
days AS (
    SELECT id, list_sort(list(fiscal_date)) AS ends
    FROM known WHERE months = 3 AND statement_type <> 'balance_sheet' GROUP BY id
),
-- The last four.
legs AS MATERIALIZED (
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
    FROM legs GROUP BY id
),
-- Statements that serve whole: a fiscal year's flows, a balance sheet (a quarter's before a year's).
whole AS (
    SELECT id, min_by(span, months) AS span, min_by(available_date, months) AS available_date,
           min_by(reported_currency, months) AS reported_currency
    FROM known WHERE fiscal_date = end_date AND (months = 12 OR statement_type = 'balance_sheet')
    GROUP BY id
),
chosen AS MATERIALIZED (
    SELECT e.id, e.event, e.statement_type, e.symbol, e.years_back, e.known_from, e.known_until, e.end_date AS fiscal_date,
           CASE WHEN q.id IS NOT NULL AND q.reason IS NULL THEN 'quarters'
                WHEN w.id IS NULL THEN NULL
                WHEN e.statement_type = 'balance_sheet' THEN 'balance' ELSE 'fiscal_year' END AS basis,
           CASE basis WHEN 'quarters' THEN array_to_string(list_sort(string_split(q.derivation, '; ')), '; ')
           END AS derivation,
           CASE basis WHEN 'quarters' THEN q.reported_currency ELSE w.reported_currency END AS reported_currency,
           CASE basis WHEN 'quarters' THEN q.inputs_available_date
                ELSE coalesce(w.available_date, q.inputs_available_date) END AS inputs_available_date,
           CASE WHEN basis IS NULL THEN coalesce(q.reason, 'quarter_missing') END AS reason,
           CASE basis WHEN 'quarters' THEN NULL ELSE w.span END AS whole_span
    FROM ends e LEFT JOIN four q ON q.id = e.id LEFT JOIN whole w ON w.id = e.id
),
used AS (
    SELECT id, whole_span AS span, true AS is_end FROM chosen WHERE basis IS DISTINCT FROM 'quarters'
    UNION ALL
    SELECT l.id, l.span, l.fiscal_date = l.end_date FROM legs l JOIN chosen c ON c.id = l.id AND c.basis = 'quarters'
),
parts AS (
    SELECT span, months, derivation = 'reported' AS part_reported, generate_subscripts(parts, 1) AS place,
           unnest(parts) AS part
    FROM spans
)
SELECT c.* EXCLUDE (whole_span), p.months, p.part.fiscal_date AS part_date, p.part.fiscal_period AS part_period,
       p.part.version AS part_version, p.part.sign AS part_sign, p.part_reported,
       u.is_end AND coalesce(p.place, 1) = 1 AS is_head
FROM chosen c JOIN used u ON u.id = c.id LEFT JOIN parts p ON p.span = u.span;
