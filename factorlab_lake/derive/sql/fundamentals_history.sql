-- fundamentals_history: compute what was known of each company's last year, by interval
-- Grain: one row per subject and validity interval [valid_from, valid_to). Within an interval nothing new became known.
-- Point in time: as trailing_periods, which selects the statements of a year.
-- Rules:
-- - Only additive flows are summed. An item that is missing in one component is NULL, never a partial sum. A 0 is missing
--   where vendors write it so.
-- - Cash flows are used where their year has the end and the currency of the income year.
-- - extra_age_days follows the rhythm of the income statements, whichever row has the figures; without any, the balance sheet's label.
-- - Share counts are on today's split basis. A derived quarter has none.
-- - The average share counts of two periods are compared only if the periods have one length.
CREATE OR REPLACE TEMP TABLE income_figures AS
SELECT p.trailing_id,
       {{income_figures}}
FROM trailing_statements p JOIN income_rows s ON s.statement_id = p.statement_id
LEFT JOIN split_history l
  ON l.symbol = s.symbol AND s.split_basis_date >= l.from_date AND s.split_basis_date < l.to_date
GROUP BY p.trailing_id;

CREATE OR REPLACE TEMP TABLE cash_flow_figures AS
SELECT p.trailing_id,
       {{cash_flow_figures}}
FROM trailing_statements p JOIN cash_flow_rows s ON s.statement_id = p.statement_id
GROUP BY p.trailing_id;

CREATE OR REPLACE TEMP TABLE balance_sheet_figures AS
SELECT p.trailing_id,
       {{balance_sheet_figures}}
FROM trailing_statements p JOIN balance_sheet_rows s ON s.statement_id = p.statement_id
GROUP BY p.trailing_id;

-- fundamentals_intervals: choose the year and the balance sheet of each interval
-- Grain: that of fundamentals_history. By itself, because a join of all tables at once would take 30 MB more.
CREATE OR REPLACE TEMP TABLE fundamentals_intervals AS
WITH trailing_years AS MATERIALIZED (
    SELECT h.* EXCLUDE (interval_id, years_back, whole_period_id, remainder_id, inputs_available_date), b.trailing_id AS before_id, b.months AS before_months,
           b.reported_currency AS before_currency, h.inputs_available_date AS available_date,
           greatest(h.inputs_available_date, b.inputs_available_date) AS with_year_before,
           CASE WHEN b.trailing_id IS NULL THEN 'no_statement_known' ELSE b.reason END AS before_reason
    FROM trailing_periods h LEFT JOIN trailing_periods b ON b.interval_id = h.interval_id AND b.years_back = 1
    WHERE h.years_back = 0
),
intervals AS (
    SELECT subject, valid_from,
           coalesce(lead(valid_from) OVER (PARTITION BY subject ORDER BY valid_from), {{END_OF_TIME}}) AS valid_to
    FROM (SELECT DISTINCT subject, valid_from FROM trailing_years)
),
income AS (FROM trailing_years WHERE statement_type = 'income'),
cash_flow AS (FROM trailing_years WHERE statement_type = 'cash_flow'),
balance_sheet AS (FROM trailing_years WHERE statement_type = 'balance_sheet'),
parts AS (
    SELECT s.subject, s.valid_from, s.valid_to,
           i.fiscal_date AS income_date, i.months AS income_months, i.basis AS income_basis, i.derivation AS income_derivation,
           i.reported_currency AS income_currency, i.available_date AS income_available_date,
           i.with_year_before AS income_years_available_date,
           CASE WHEN i.trailing_id IS NULL THEN 'no_statement_known' ELSE i.reason END AS income_reason,
           c.months AS cash_flow_months, c.available_date AS cash_flow_available_date,
           CASE WHEN c.trailing_id IS NULL THEN 'no_statement_known'
                WHEN c.reason IS NOT NULL THEN c.reason
                WHEN c.fiscal_date <> i.fiscal_date THEN 'of_another_period'
                WHEN c.reported_currency IS DISTINCT FROM i.reported_currency THEN 'currencies_differ'
           END AS cash_flow_reason,
           b.fiscal_date AS balance_sheet_date, b.months AS balance_sheet_months, b.reported_currency AS balance_sheet_currency,
           b.with_year_before AS balance_sheet_years_available_date,
           CASE WHEN b.trailing_id IS NULL THEN 'no_balance_sheet_known' END AS balance_sheet_reason,
           i.before_currency AS income_year_before_currency, i.before_reason AS income_year_before_reason,
           b.before_currency AS balance_sheet_year_before_currency, b.before_reason AS balance_sheet_year_before_reason,
           i.trailing_id AS income_id, i.before_id AS income_before_id, i.before_months = i.months AS is_same_length,
           CASE WHEN cash_flow_reason IS NULL THEN c.trailing_id END AS cash_flow_id,
           b.trailing_id AS balance_sheet_id, b.before_id AS balance_sheet_before_id
    FROM intervals s
    LEFT JOIN income i ON i.subject = s.subject AND i.valid_from <= s.valid_from AND i.valid_to > s.valid_from
    LEFT JOIN cash_flow c ON c.subject = s.subject AND c.valid_from <= s.valid_from AND c.valid_to > s.valid_from
    LEFT JOIN balance_sheet b ON b.subject = s.subject AND b.valid_from <= s.valid_from AND b.valid_to > s.valid_from
)
SELECT s.symbol, s.vintage AS of_vintage, s.restated, {{company_id}}, m.source_provider AS statement_provider,
       p.* EXCLUDE (subject) REPLACE (greatest(p.valid_from, o.valid_from) AS valid_from, least(p.valid_to, o.valid_to) AS valid_to),
       coalesce(r.extra_age_days, CASE p.balance_sheet_months WHEN 12 THEN {{YEAR_AGE_LIMIT_DAYS}} - {{QUARTER_AGE_LIMIT_DAYS}} ELSE 0 END) AS extra_age_days
FROM parts p JOIN subjects s ON s.subject = p.subject
JOIN subject_intervals o ON o.subject = p.subject AND o.valid_from < p.valid_to AND o.valid_to > p.valid_from
JOIN subject_providers m ON m.subject = p.subject
LEFT JOIN companies k
  ON k.symbol = s.symbol AND greatest(p.valid_from, o.valid_from) >= k.valid_from AND greatest(p.valid_from, o.valid_from) < k.valid_to
LEFT JOIN reporting_rhythm r
  ON r.symbol = s.symbol AND greatest(p.valid_from, o.valid_from) >= r.valid_from AND greatest(p.valid_from, o.valid_from) < r.valid_to;

CREATE OR REPLACE TEMP TABLE fundamentals_history AS
SELECT p.* EXCLUDE (income_id, income_before_id, is_same_length, cash_flow_id, balance_sheet_id, balance_sheet_before_id),
       {{fundamentals}}
FROM fundamentals_intervals p
LEFT JOIN income_figures i ON i.trailing_id = p.income_id
LEFT JOIN income_figures ib ON ib.trailing_id = p.income_before_id
LEFT JOIN cash_flow_figures c ON c.trailing_id = p.cash_flow_id
LEFT JOIN balance_sheet_figures b ON b.trailing_id = p.balance_sheet_id
LEFT JOIN balance_sheet_figures bb ON bb.trailing_id = p.balance_sheet_before_id
UNION ALL BY NAME
-- Between two companies of a symbol nothing is known of the new one yet, and the old one's figures are not its own.
SELECT s.symbol, s.vintage AS of_vintage, s.restated, c.valid_from, c.valid_to, m.source_provider AS statement_provider,
       'company_changed' AS income_reason, 'company_changed' AS cash_flow_reason, 'company_changed' AS balance_sheet_reason
FROM companies c JOIN (SELECT DISTINCT symbol, vintage, restated FROM subjects) s ON s.symbol = c.symbol
LEFT JOIN symbol_providers m ON m.symbol = c.symbol AND m.place = 1
WHERE c.company_id IS NULL;
