-- trailing_periods: choose the periods of a company's last year, and of the year before
-- Grain: one row per subject, statement type, years_back and validity interval [valid_from, valid_to).
-- Point in time: the newest period end first, then its newest version. So a late amendment of an old quarter does not
-- replace the current quarter. inputs_available_date is the latest available_date of the periods.
-- Columns:
-- - trailing_id: one number per row. interval_id: one number per validity interval.
-- - reason: why there are no periods.
-- Rules:
-- - Flows (income, cash_flow) at a fiscal year's end are the year's own (basis 'fiscal_year').
-- - Else they are the last fiscal year less its first months, plus the same months of the year to date (basis 'year_to_date').
-- - Else they are four consecutive quarters, reported or derived (basis 'quarters'; see quarter_validity).
-- - All statements of a sum are in one currency. A transition period is no fiscal year.
-- - Quarters are consecutive when their ends are {{MIN_QUARTER_DISTANCE_DAYS}}-{{MAX_QUARTER_DISTANCE_DAYS}} days apart, and {{MIN_FOUR_QUARTERS_DAYS}}-{{MAX_FOUR_QUARTERS_DAYS}} days from first to last.
-- - A balance sheet is that of the period end, and a quarter's comes before a year's (basis 'balance').
-- - The year before ended {{MIN_YEAR_DISTANCE_DAYS}}-{{MAX_YEAR_DISTANCE_DAYS}} days before the newest period, as known in the same interval.
-- Knowledge changes only on days on which a statement becomes available: compute once per interval between them.
CREATE OR REPLACE TEMP TABLE trailing_ends AS
WITH intervals AS MATERIALIZED (
    SELECT row_number() OVER ()::INTEGER AS interval_id, *
    FROM (SELECT statement_type, subject, valid_from,
                 coalesce(lead(valid_from) OVER by_day, {{END_OF_TIME}}) AS valid_to,
                 max(newest) OVER by_day AS newest
          FROM (SELECT statement_type, subject, valid_from, max(fiscal_date) AS newest FROM quarter_validity GROUP BY ALL)
          WINDOW by_day AS (PARTITION BY statement_type, subject ORDER BY valid_from))
),
ends AS (
    SELECT *, 0 AS years_back, newest AS end_date FROM intervals
    UNION ALL
    SELECT e.*, 1, max(s.fiscal_date)
    FROM intervals e JOIN quarter_validity s
      ON s.statement_type = e.statement_type AND s.subject = e.subject
     AND s.valid_from <= e.valid_from AND s.valid_to > e.valid_from
     AND s.fiscal_date BETWEEN e.newest - {{MAX_YEAR_DISTANCE_DAYS}} AND e.newest - {{MIN_YEAR_DISTANCE_DAYS}}
    WHERE e.statement_type <> 'cash_flow'
    GROUP BY ALL
)
SELECT row_number() OVER ()::INTEGER AS trailing_id, * FROM ends;

-- Four quarters end within {{MAX_FOUR_QUARTERS_DAYS}} days of each other, so older ones cannot be among them.
CREATE OR REPLACE TEMP TABLE known_periods AS
SELECT e.trailing_id, e.end_date, s.period_id, s.statement_type, s.fiscal_date, s.months, s.available_date,
       s.reported_currency, nullif(s.derivation, 'reported') AS derivation
FROM trailing_ends e JOIN quarter_validity s
  ON s.statement_type = e.statement_type AND s.subject = e.subject
 AND s.valid_from <= e.valid_from AND s.valid_to > e.valid_from AND s.fiscal_date <= e.end_date
 AND s.fiscal_date > e.end_date - CASE WHEN s.months = 3 AND s.statement_type <> 'balance_sheet' THEN {{QUARTER_SEARCH_DAYS}} ELSE 1 END;

-- Statements used by themselves: a fiscal year's flows, and a balance sheet (a quarter's before a year's).
CREATE OR REPLACE TEMP TABLE whole_periods AS
SELECT trailing_id, min_by(period_id, months) AS period_id, min_by(available_date, months) AS available_date,
       min_by(reported_currency, months) AS reported_currency, min(months) AS months
FROM known_periods WHERE fiscal_date = end_date AND (months = 12 OR statement_type = 'balance_sheet')
GROUP BY trailing_id;

-- years_to_date: the year to date, with what the last fiscal year adds to the same months of it
-- Grain: one row per trailing period.
CREATE OR REPLACE TEMP TABLE years_to_date AS
SELECT k.trailing_id, k.months, k.period_id, r.period_id AS remainder_id, k.reported_currency,
       greatest(k.available_date, r.available_date) AS available_date,
       r.fiscal_date::VARCHAR || ' = ' || r.derivation || '; ' || k.end_date::VARCHAR || ' = ' || s.fiscal_period AS derivation
FROM known_periods k JOIN trailing_ends e ON e.trailing_id = k.trailing_id
JOIN year_remainders r
  ON r.statement_type = e.statement_type AND r.subject = e.subject AND r.shorter_months = k.months
 AND r.valid_from <= e.valid_from AND r.valid_to > e.valid_from AND r.reported_currency IS NOT DISTINCT FROM k.reported_currency
 AND k.end_date - r.shorter_date BETWEEN {{MIN_YEAR_DISTANCE_DAYS}} AND {{MAX_YEAR_DISTANCE_DAYS}}
JOIN {{period_days}} d ON d.months = k.months AND k.end_date - r.fiscal_date BETWEEN d.first_days AND d.last_days
JOIN period_statements p ON p.period_id = k.period_id JOIN statement_versions s ON s.statement_id = p.statement_id
WHERE k.fiscal_date = k.end_date AND k.derivation IS NULL AND k.statement_type <> 'balance_sheet'
  AND k.trailing_id NOT IN (SELECT trailing_id FROM whole_periods)
QUALIFY row_number() OVER (PARTITION BY k.trailing_id ORDER BY k.months DESC, r.fiscal_date DESC, r.shorter_date DESC) = 1;

CREATE OR REPLACE TEMP TABLE last_quarters AS
WITH days AS (
    SELECT trailing_id, list_sort(list(fiscal_date)) AS ends
    FROM known_periods
    WHERE months = 3 AND statement_type <> 'balance_sheet'
      AND trailing_id NOT IN (SELECT trailing_id FROM whole_periods UNION ALL SELECT trailing_id FROM years_to_date)
    GROUP BY trailing_id
)
SELECT k.*, d.ends
FROM known_periods k JOIN days d ON d.trailing_id = k.trailing_id
WHERE k.months = 3 AND k.statement_type <> 'balance_sheet' AND k.fiscal_date >= coalesce(d.ends[-4], d.ends[1]);

CREATE OR REPLACE TEMP TABLE trailing_periods AS
WITH four AS (
    SELECT trailing_id, max(available_date) AS inputs_available_date, any_value(reported_currency) AS reported_currency,
           string_agg(fiscal_date::VARCHAR || ' = ' || derivation, '; ') AS derivation,
           CASE WHEN max(fiscal_date) <> any_value(end_date) THEN 'newest_period_has_no_quarter'
                WHEN count(*) < 4 THEN 'quarter_missing'
                WHEN any_value(ends[-1] - ends[-2] NOT BETWEEN {{MIN_QUARTER_DISTANCE_DAYS}} AND {{MAX_QUARTER_DISTANCE_DAYS}} OR ends[-2] - ends[-3] NOT BETWEEN {{MIN_QUARTER_DISTANCE_DAYS}} AND {{MAX_QUARTER_DISTANCE_DAYS}}
                               OR ends[-3] - ends[-4] NOT BETWEEN {{MIN_QUARTER_DISTANCE_DAYS}} AND {{MAX_QUARTER_DISTANCE_DAYS}})
                  OR max(fiscal_date) - min(fiscal_date) NOT BETWEEN {{MIN_FOUR_QUARTERS_DAYS}} AND {{MAX_FOUR_QUARTERS_DAYS}} THEN 'quarters_not_consecutive'
                WHEN min(reported_currency) <> max(reported_currency) THEN 'currencies_differ' END AS reason
    FROM last_quarters GROUP BY trailing_id
),
unknown_lengths AS (
    SELECT DISTINCT trailing_id FROM known_periods
    WHERE fiscal_date = end_date AND months IS NULL AND statement_type <> 'balance_sheet'
)
SELECT e.trailing_id, e.interval_id, e.statement_type, e.subject, e.years_back, e.valid_from, e.valid_to, e.end_date AS fiscal_date,
       CASE WHEN w.trailing_id IS NOT NULL THEN CASE e.statement_type WHEN 'balance_sheet' THEN 'balance' ELSE 'fiscal_year' END
            WHEN y.trailing_id IS NOT NULL THEN 'year_to_date'
            WHEN q.reason IS NULL AND q.trailing_id IS NOT NULL THEN 'quarters' END AS basis,
       CASE basis WHEN 'quarters' THEN array_to_string(list_sort(string_split(q.derivation, '; ')), '; ')
                  WHEN 'year_to_date' THEN y.derivation END AS derivation,
       coalesce(w.reported_currency, y.reported_currency, CASE basis WHEN 'quarters' THEN q.reported_currency END) AS reported_currency,
       coalesce(w.available_date, y.available_date, q.inputs_available_date) AS inputs_available_date,
       CASE WHEN basis IS NOT NULL THEN NULL WHEN u.trailing_id IS NOT NULL THEN 'period_length_unknown'
            ELSE coalesce(q.reason, 'quarter_missing') END AS reason,
       CASE WHEN basis = 'quarters' THEN 3 ELSE coalesce(w.months, y.months) END AS months,
       coalesce(w.period_id, y.period_id) AS whole_period_id, y.remainder_id
FROM trailing_ends e LEFT JOIN four q ON q.trailing_id = e.trailing_id LEFT JOIN whole_periods w ON w.trailing_id = e.trailing_id
LEFT JOIN years_to_date y ON y.trailing_id = e.trailing_id LEFT JOIN unknown_lengths u ON u.trailing_id = e.trailing_id;

-- trailing_statements: list the statements whose figures are added, each with its sign
-- Grain: one row per trailing period and statement. is_end marks the statements of the newest quarter.
CREATE OR REPLACE TEMP TABLE trailing_statements AS
WITH used AS (
    SELECT trailing_id, whole_period_id AS period_id, true AS is_end FROM trailing_periods
    WHERE whole_period_id IS NOT NULL
    UNION ALL
    SELECT trailing_id, remainder_id, false FROM trailing_periods WHERE basis = 'year_to_date'
    UNION ALL
    SELECT l.trailing_id, l.period_id, l.fiscal_date = l.end_date
    FROM last_quarters l JOIN trailing_periods c ON c.trailing_id = l.trailing_id AND c.basis = 'quarters'
)
SELECT u.trailing_id, s.statement_id, s.component_sign, u.is_end, s.is_reported
FROM used u JOIN period_statements s ON s.period_id = u.period_id;
