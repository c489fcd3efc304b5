-- fundamental_spans(symbols, dates, vintage := 'known'): what stands for a company's last year, and from when until when
-- Grain: one row per symbol, statement type, years_back (0: the newest, 1: a year before it) and stretch of time
-- [known_from, known_until) that holds any of the dates, and calendar year of it (in_year, which keeps joins on
-- symbol and year fast). `parts` are the statements to add up, with their signs; `at_end` is the statement of the period
-- end itself (NULL for a derived quarter). Without parts, `reason` says why.
-- Flows (income, cash_flow): four consecutive quarters in one currency, ends 75-120 days apart and 245-300 days from
-- first to last (basis 'quarters'), each reported or derived (see flow_spans); where they are not there and the period
-- end is a fiscal year's, the year's own figures (basis 'fiscal_year'). Balance sheets: the one of the period end, a
-- quarter's before a year's (basis 'balance').
-- A year before: the period that ended 350-380 days before the newest, as known in the same stretch of time.
-- Point in time: the newest period end first, then its newest version, so that a late amendment of an old quarter does
-- not displace the current one. inputs_available_date is the latest of the parts' available_date.
CREATE OR REPLACE MACRO fundamental_spans(symbols, dates, vintage := 'known') AS TABLE
WITH spans AS MATERIALIZED (
    FROM flow_spans(symbols, vintage := vintage)
    UNION ALL BY NAME
    SELECT * EXCLUDE (fiscal_period, version), 'reported' AS derivation,
           [{'fiscal_date': fiscal_date, 'fiscal_period': fiscal_period, 'version': version, 'sign': 1}] AS parts
    FROM period_spans(symbols, vintage := vintage) WHERE statement_type = 'balance_sheet'
),
-- What is known changes only on the days when something becomes known: answer once per such day.
events AS MATERIALIZED (
    FROM (SELECT statement_type, symbol, known_from,
                 coalesce(lead(known_from) OVER by_day, DATE '9999-01-01') AS known_until,
                 max(newest) OVER by_day AS newest
          FROM (SELECT statement_type, symbol, known_from, max(fiscal_date) AS newest FROM spans GROUP BY ALL)
          WINDOW by_day AS (PARTITION BY statement_type, symbol ORDER BY known_from))
    WHERE known_from <= list_max(dates)::DATE AND known_until > list_min(dates)::DATE
),
ends AS MATERIALIZED (
    SELECT *, 0 AS years_back, newest AS end_date FROM events
    UNION ALL
    SELECT e.*, 1, max(s.fiscal_date)
    FROM events e JOIN spans s
      ON s.statement_type = e.statement_type AND s.symbol = e.symbol
     AND s.known_from <= e.known_from AND s.known_until > e.known_from
     AND e.newest - s.fiscal_date BETWEEN 350 AND 380
    GROUP BY ALL
),
-- Four quarters end within 300 days of each other: nothing older can be a leg.
known AS MATERIALIZED (
    SELECT e.statement_type, e.symbol, e.known_from, e.years_back, e.end_date,
           s.fiscal_date, s.months, s.available_date, s.reported_currency, s.derivation, s.parts
    FROM ends e JOIN spans s
      ON s.statement_type = e.statement_type AND s.symbol = e.symbol
     AND s.known_from <= e.known_from AND s.known_until > e.known_from AND s.fiscal_date <= e.end_date
     AND s.fiscal_date > e.end_date - CASE WHEN s.months = 3 AND s.statement_type <> 'balance_sheet' THEN 310 ELSE 1 END
),
-- The last four, each with the days to the next.
legs AS (
    SELECT *, lead(fiscal_date) OVER by_end - fiscal_date AS gap
    FROM known WHERE months = 3 AND statement_type <> 'balance_sheet'
    WINDOW by_end AS (PARTITION BY statement_type, symbol, known_from, years_back ORDER BY fiscal_date)
    QUALIFY count(*) OVER (by_end ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) < 4
),
quarters AS (
    SELECT statement_type, symbol, known_from, years_back, max(available_date) AS inputs_available_date,
           any_value(reported_currency) AS reported_currency,
           string_agg(CASE WHEN derivation <> 'reported' THEN fiscal_date::VARCHAR || ' = ' || derivation END, '; '
                      ORDER BY fiscal_date) AS derivation,
           flatten(list(parts ORDER BY fiscal_date)) AS parts,
           any_value(CASE WHEN fiscal_date = end_date AND derivation = 'reported' THEN parts[1] END) AS at_end,
           CASE WHEN max(fiscal_date) <> any_value(end_date) THEN 'newest_period_has_no_quarter'
                WHEN count(*) < 4 THEN 'quarter_missing'
                WHEN min(gap) < 75 OR max(gap) > 120
                  OR max(fiscal_date) - min(fiscal_date) NOT BETWEEN 245 AND 300 THEN 'quarters_not_consecutive'
                WHEN min(reported_currency) <> max(reported_currency) THEN 'currencies_differ' END AS reason
    FROM legs GROUP BY statement_type, symbol, known_from, years_back
),
-- Statements that serve whole: a fiscal year's flows, a balance sheet.
whole AS (
    FROM known WHERE fiscal_date = end_date AND (months = 12 OR statement_type = 'balance_sheet')
    QUALIFY row_number() OVER (PARTITION BY statement_type, symbol, known_from, years_back ORDER BY months) = 1
),
chosen AS (
    SELECT e.statement_type, e.symbol, e.years_back, e.known_from, e.known_until, e.end_date AS fiscal_date,
           CASE WHEN q.symbol IS NOT NULL AND q.reason IS NULL THEN 'quarters'
                WHEN w.statement_type = 'balance_sheet' THEN 'balance'
                WHEN w.symbol IS NOT NULL THEN 'fiscal_year' END AS basis,
           CASE basis WHEN 'quarters' THEN q.derivation END AS derivation,
           CASE basis WHEN 'quarters' THEN q.reported_currency ELSE w.reported_currency END AS reported_currency,
           CASE basis WHEN 'quarters' THEN q.inputs_available_date
                ELSE coalesce(w.available_date, q.inputs_available_date) END AS inputs_available_date,
           CASE basis WHEN 'quarters' THEN q.parts ELSE w.parts END AS parts,
           CASE basis WHEN 'quarters' THEN q.at_end ELSE w.parts[1] END AS at_end,
           CASE WHEN basis IS NULL THEN coalesce(q.reason, 'quarter_missing') END AS reason
    FROM ends e
    LEFT JOIN quarters q
      ON q.statement_type = e.statement_type AND q.symbol = e.symbol AND q.known_from = e.known_from
     AND q.years_back = e.years_back
    LEFT JOIN whole w
      ON w.statement_type = e.statement_type AND w.symbol = e.symbol AND w.known_from = e.known_from
     AND w.years_back = e.years_back
)
SELECT *, unnest(range(year(greatest(known_from, list_min(dates)::DATE)),
                       year(least(known_until, list_max(dates)::DATE)) + 1)) AS in_year
FROM chosen;
