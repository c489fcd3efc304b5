-- quarter_history: compute the flows of every quarter by interval, Q4 included
-- Grain: one row per subject, quarter end and validity interval [valid_from, valid_to). A quarter end is one that an income or
-- cash flow statement reports, or that a longer period ends on.
-- Point in time: as quarter_validity.
-- Columns:
-- - derivation, cash_flow_derivation: 'reported', or how the quarter follows from longer periods, as 'FY - Q1 - Q2 - Q3'.
-- - reason: why flows are NULL, such as a missing component.
-- Rules:
-- - A reported quarter wins over a derived one.
-- - Cash flow items are stored only in the currency of the income statement.
-- - At any time one company of a symbol answers for a quarter end, and none before the day on which it takes the symbol.
-- - company_id is that of the company which reported the quarter, also where another one has the symbol by then.
CREATE OR REPLACE TEMP TABLE income_quarters AS
SELECT q.period_id, {{income_sums}}
FROM quarter_validity q JOIN period_statements p ON p.period_id = q.period_id JOIN income_rows s ON s.statement_id = p.statement_id
WHERE q.months = 3 GROUP BY q.period_id;

CREATE OR REPLACE TEMP TABLE cash_flow_quarters AS
SELECT q.period_id, {{cash_flow_sums}}
FROM quarter_validity q JOIN period_statements p ON p.period_id = q.period_id JOIN cash_flow_rows s ON s.statement_id = p.statement_id
WHERE q.months = 3 GROUP BY q.period_id;

CREATE OR REPLACE TEMP TABLE quarter_history AS
WITH flows AS (FROM quarter_validity WHERE statement_type <> 'balance_sheet'),
changes AS (
    SELECT subject, fiscal_date, valid_from AS valid_from FROM flows
    UNION
    SELECT subject, fiscal_date, valid_to FROM flows
),
intervals AS (
    SELECT *, lead(valid_from) OVER (PARTITION BY subject, fiscal_date ORDER BY valid_from) AS valid_to FROM changes
),
quarters AS (
    SELECT e.*, ki.period_id AS income_id, kc.period_id AS cash_flow_id, ki.derivation, kc.derivation AS cash_flow_derivation,
           coalesce(ki.reported_currency, kc.reported_currency) AS reported_currency,
           greatest(ki.available_date, kc.available_date) AS inputs_available_date,
           nullif(concat_ws('; ',
               CASE WHEN ki.period_id IS NULL THEN 'income: no_quarter_known' END,
               CASE WHEN kc.period_id IS NULL THEN 'cash_flow: no_quarter_known'
                    WHEN ki.reported_currency <> kc.reported_currency THEN 'currencies_differ' END), '') AS reason,
           coalesce(ki.reported_currency = kc.reported_currency, true) AS is_one_currency
    FROM (FROM intervals i WHERE valid_to IS NOT NULL) e
    SEMI JOIN flows f ON f.subject = e.subject AND f.fiscal_date = e.fiscal_date
                     AND f.valid_from <= e.valid_from AND f.valid_to > e.valid_from
    LEFT JOIN flows ki
      ON ki.subject = e.subject AND ki.fiscal_date = e.fiscal_date AND ki.statement_type = 'income' AND ki.months = 3
     AND ki.valid_from <= e.valid_from AND ki.valid_to > e.valid_from
    LEFT JOIN flows kc
      ON kc.subject = e.subject AND kc.fiscal_date = e.fiscal_date AND kc.statement_type = 'cash_flow' AND kc.months = 3
     AND kc.valid_from <= e.valid_from AND kc.valid_to > e.valid_from
),
-- Of several providers, one speaks at a time.
spoken AS (
    SELECT * FROM quarters
    WHERE subject NOT IN (SELECT c.subject FROM company_subjects c JOIN provider_chains k ON k.chain_id = c.chain_id)
    UNION ALL
    SELECT q.* REPLACE (greatest(q.valid_from, o.valid_from) AS valid_from, least(q.valid_to, o.valid_to) AS valid_to)
    FROM quarters q JOIN subject_speakers o ON o.subject = q.subject AND o.valid_from < q.valid_to AND o.valid_to > q.valid_from
),
-- A company's quarters are known under the symbol from the day on which it takes the symbol.
taken AS (
    SELECT q.* REPLACE (greatest(q.valid_from, h.taken_on) AS valid_from)
    FROM spoken q JOIN (SELECT subject, min(valid_from) AS taken_on FROM subject_companies GROUP BY subject) h
      ON h.subject = q.subject AND h.taken_on < q.valid_to
),
-- Of several companies of a symbol that know one quarter end, one answers at a time: the one that has the symbol, else the newer.
claims AS (
    SELECT q.*, s.symbol, s.vintage FROM taken q JOIN subjects s ON s.subject = q.subject JOIN company_subjects c ON c.subject = q.subject
),
contested AS (
    FROM claims c SEMI JOIN claims o  -- a correlated EXISTS finds none of them in DuckDB 1.5
      ON o.symbol = c.symbol AND o.vintage = c.vintage AND o.fiscal_date = c.fiscal_date AND o.subject <> c.subject
     AND o.valid_from < c.valid_to AND o.valid_to > c.valid_from
),
days AS (
    SELECT symbol, vintage, fiscal_date, unnest([valid_from, valid_to]) AS day FROM contested
    UNION
    SELECT c.symbol, c.vintage, c.fiscal_date, unnest([o.valid_from, o.valid_to])
    FROM contested c JOIN subject_intervals o ON o.subject = c.subject
),
pieces AS (
    SELECT *, lead(day) OVER (PARTITION BY symbol, vintage, fiscal_date ORDER BY day) AS until FROM days
),
answers AS (
    SELECT c.* EXCLUDE (symbol, vintage) REPLACE (p.day AS valid_from, p.until AS valid_to)
    FROM pieces p JOIN contested c
      ON c.symbol = p.symbol AND c.vintage = p.vintage AND c.fiscal_date = p.fiscal_date AND c.valid_from <= p.day AND c.valid_to > p.day
    LEFT JOIN subject_intervals o ON o.subject = c.subject AND o.valid_from <= p.day AND o.valid_to > p.day
    WHERE p.until IS NOT NULL
    QUALIFY row_number() OVER (
        PARTITION BY c.symbol, c.vintage, c.fiscal_date, p.day ORDER BY o.subject IS NOT NULL DESC, c.subject DESC) = 1
),
answered AS (
    FROM taken q ANTI JOIN contested c ON c.subject = q.subject AND c.fiscal_date = q.fiscal_date AND c.valid_from = q.valid_from
    UNION ALL
    FROM answers
)
SELECT s.symbol, s.vintage AS of_vintage, s.restated, q.fiscal_date, q.valid_from, q.valid_to, q.derivation, q.cash_flow_derivation,
       q.reported_currency, q.inputs_available_date, q.reason,
       h.company_id, m.source_provider AS statement_provider,
       {{ttm_flows}}
FROM answered q JOIN subjects s ON s.subject = q.subject JOIN subject_providers m ON m.subject = q.subject
JOIN subject_companies h ON h.subject = q.subject AND q.valid_from >= h.valid_from AND q.valid_from < h.valid_to
LEFT JOIN income_quarters i ON i.period_id = q.income_id
LEFT JOIN cash_flow_quarters c ON c.period_id = CASE WHEN q.is_one_currency THEN q.cash_flow_id END;
