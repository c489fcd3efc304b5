-- statement_lengths: compute the length of each statement's period in months
-- Grain: one row per statement version.
-- Columns:
-- - length_basis: period_start, claimed (by the label, unchecked), checked (the neighbours agree with the label), or, where they
--   prove another length than the label's, transition or half.
-- - proved_from: first day on which a proved length is known, also where the statement itself came later; else NULL.
-- Point in time: a proof counts from the day on which all its statements are known. Before that day the length is unknown, so
-- a later fact never changes one answer into another.
-- Rules:
-- - The length follows from the period's first day where a provider gives one, else from the label.
-- - An annual statement that ends {{MIN_TRANSITION_DAYS}}-{{MAX_TRANSITION_DAYS}} days after the one before is of a transition period of that length.
-- - Q2 and Q4 of a year without Q1 and Q3 are halves if their sum is the year's within {{SUM_OF_QUARTERS_TOLERANCE}}.
-- - After a year of such halves, the next Q2 is a half from the start. A Q1 before it, or a year whose sum differs, ends this.
-- - A missing statement proves nothing. Balance sheets have no length, so their label is not checked.
CREATE OR REPLACE TEMP TABLE claims AS
{{flow_claims}};

CREATE OR REPLACE TEMP TABLE transitions AS
WITH annual AS (
    SELECT statement_type, symbol, chain_id, fiscal_date, min(available_date) AS known_from
    FROM claims WHERE fiscal_period = 'FY' GROUP BY ALL
)
SELECT a.statement_type, a.symbol, a.chain_id, a.fiscal_date, a.fiscal_date - max(b.fiscal_date) AS days,
       max_by(b.known_from, (b.fiscal_date, b.known_from)) AS before_known
FROM annual a JOIN annual b
  ON b.statement_type = a.statement_type AND b.symbol = a.symbol AND b.chain_id = a.chain_id
 AND b.fiscal_date BETWEEN a.fiscal_date - {{MAX_YEAR_DISTANCE_DAYS}} AND a.fiscal_date - {{MIN_TRANSITION_DAYS}}
GROUP BY a.statement_type, a.symbol, a.chain_id, a.fiscal_date;

-- years_of_halves: find the fiscal years that have Q2 and Q4, without Q1 and Q3
-- Grain: one row per statement type, company and year end.
CREATE OR REPLACE TEMP TABLE years_of_halves AS
WITH symbols AS (
    SELECT DISTINCT y.statement_type, y.symbol, y.chain_id
    FROM (FROM claims WHERE fiscal_period = 'Q4') y
    LEFT JOIN claims q ON q.statement_type = y.statement_type AND q.symbol = y.symbol AND q.chain_id = y.chain_id
                      AND q.fiscal_period = 'Q3' AND y.fiscal_date - q.fiscal_date BETWEEN {{MIN_QUARTER_DISTANCE_DAYS}} AND {{MAX_QUARTER_DISTANCE_DAYS}}
    WHERE q.symbol IS NULL
),
candidates AS (FROM claims SEMI JOIN symbols USING (statement_type, symbol, chain_id)),
years AS (
    SELECT y.statement_type, y.symbol, y.chain_id, y.fiscal_date, max(h.fiscal_date) AS half_date,
           min(greatest(y.available_date, h.available_date, r.available_date)) AS complete_from,
           min(greatest(y.available_date, h.available_date, r.available_date))
               FILTER (abs(h.amount + r.amount - y.amount) <= {{SUM_OF_QUARTERS_TOLERANCE}} * abs(y.amount)) AS sum_proved_from
    FROM candidates y
    JOIN candidates r ON r.statement_type = y.statement_type AND r.symbol = y.symbol AND r.chain_id = y.chain_id
     AND r.fiscal_period = 'Q4' AND abs(r.fiscal_date - y.fiscal_date) <= {{SAME_PERIOD_DAYS}}
    JOIN candidates h ON h.statement_type = y.statement_type AND h.symbol = y.symbol AND h.chain_id = y.chain_id
     AND h.fiscal_period = 'Q2' AND y.fiscal_date - h.fiscal_date BETWEEN {{half_days}}
    WHERE y.fiscal_period = 'FY'
    GROUP BY ALL
)
SELECT y.* FROM years y
ANTI JOIN candidates q ON q.statement_type = y.statement_type AND q.symbol = y.symbol AND q.chain_id = y.chain_id
 AND q.fiscal_period IN ('Q1', 'Q3') AND q.fiscal_date < y.fiscal_date AND q.fiscal_date > y.fiscal_date - {{YEAR_QUARTERS_DAYS}}
ANTI JOIN transitions t ON t.statement_type = y.statement_type AND t.symbol = y.symbol AND t.chain_id = y.chain_id
 AND t.fiscal_date = y.fiscal_date AND t.days <= {{MAX_TRANSITION_DAYS}};

-- Q2 and Q4 rows that a year of halves makes halves, or that followed one and turned out to be quarters.
CREATE OR REPLACE TEMP TABLE half_claims AS
WITH of_proved_years AS (
    SELECT c.statement_id, 6 AS months, y.sum_proved_from AS known_from
    FROM claims c JOIN years_of_halves y ON y.statement_type = c.statement_type AND y.symbol = c.symbol AND y.chain_id = c.chain_id
     AND (c.fiscal_period = 'Q2' AND abs(c.fiscal_date - y.half_date) <= {{SAME_PERIOD_DAYS}}
          OR c.fiscal_period = 'Q4' AND abs(c.fiscal_date - y.fiscal_date) <= {{SAME_PERIOD_DAYS}})
    WHERE y.sum_proved_from IS NOT NULL
),
-- A Q2 after a year of halves, with the day from which its own year contradicts.
following AS (
    SELECT c.statement_id, c.available_date,
           least((SELECT min(q.available_date) FROM claims q
                  WHERE q.statement_type = c.statement_type AND q.symbol = c.symbol AND q.chain_id = c.chain_id
                    AND q.fiscal_period IN ('Q1', 'Q3')
                    AND q.fiscal_date > y.fiscal_date AND q.fiscal_date < y.fiscal_date + {{YEAR_QUARTERS_DAYS}}),
                 (SELECT min(n.complete_from) FROM years_of_halves n
                  WHERE n.statement_type = c.statement_type AND n.symbol = c.symbol AND n.chain_id = c.chain_id
                    AND abs(n.half_date - c.fiscal_date) <= {{SAME_PERIOD_DAYS}} AND n.sum_proved_from IS NULL)) AS contradicted_from
    FROM claims c JOIN years_of_halves y ON y.statement_type = c.statement_type AND y.symbol = c.symbol AND y.chain_id = c.chain_id
     AND c.fiscal_period = 'Q2' AND c.fiscal_date - y.fiscal_date BETWEEN {{half_days}} AND y.sum_proved_from <= c.available_date
)
SELECT statement_id, max(months) AS months, min(known_from) AS proved_from
FROM (SELECT statement_id, CASE WHEN contradicted_from IS NULL THEN 6 ELSE 3 END AS months,
             coalesce(contradicted_from, available_date) AS known_from
      FROM following WHERE contradicted_from IS NULL OR contradicted_from > available_date
      UNION ALL
      SELECT statement_id, months, known_from FROM of_proved_years)
GROUP BY statement_id;

CREATE OR REPLACE TEMP TABLE statement_lengths AS
WITH by_label AS (
{{statement_lengths}}
),
checked AS (
    SELECT c.statement_id, bool_or(t.days > {{MAX_TRANSITION_DAYS}} OR q.symbol IS NOT NULL) AS is_checked,
           max(CASE WHEN t.days <= {{MAX_TRANSITION_DAYS}} THEN (t.days * 12 / {{YEAR_DAYS}})::INTEGER END) AS transition_months,
           max(CASE WHEN t.days <= {{MAX_TRANSITION_DAYS}} AND t.before_known > c.available_date THEN t.before_known END) AS transition_proved_from
    FROM claims c
    LEFT JOIN transitions t ON t.statement_type = c.statement_type AND t.symbol = c.symbol AND t.chain_id = c.chain_id
                           AND t.fiscal_date = c.fiscal_date AND c.fiscal_period = 'FY'
    LEFT JOIN claims q ON q.statement_type = c.statement_type AND q.symbol = c.symbol AND q.chain_id = c.chain_id
                      AND c.fiscal_period[1] = 'Q' AND q.fiscal_period[1] = 'Q'
                      AND abs(c.fiscal_date - q.fiscal_date) BETWEEN {{MIN_QUARTER_DISTANCE_DAYS}} AND {{MAX_QUARTER_DISTANCE_DAYS}}
    GROUP BY c.statement_id
)
SELECT l.statement_id,
       CASE WHEN l.has_start THEN l.months ELSE coalesce(c.transition_months, h.months, l.months) END AS months,
       CASE WHEN l.has_start THEN 'period_start' WHEN c.transition_months IS NOT NULL THEN 'transition'
            WHEN h.months = 6 THEN 'half' WHEN c.is_checked THEN 'checked' ELSE 'claimed' END AS length_basis,
       CASE WHEN NOT l.has_start THEN coalesce(c.transition_proved_from, h.proved_from) END AS proved_from
FROM by_label l LEFT JOIN checked c ON c.statement_id = l.statement_id
LEFT JOIN half_claims h ON h.statement_id = l.statement_id;
