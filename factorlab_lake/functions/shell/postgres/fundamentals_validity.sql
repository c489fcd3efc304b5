-- fundamentals_validity(symbols, dates, vintage := 'known', availability := 'close'): return the inputs of factors, except the price, by interval
-- Grain: one row per symbol and validity interval [valid_from, valid_to) that contains any of the dates. Within an interval
-- nothing new became known about the company.
-- Point in time: as period_components, which selects the statements of a year.
-- Columns:
-- - *_date, *_currency: the period end and the currency, by statement type.
-- - *_fault: why the figures of a statement type are missing, for the newest year and for the year before.
-- Rules:
-- - Cash flows are used where their year has the end and the currency of the income year.
-- - Share counts are on today's split basis. A derived quarter has none.
-- - A quarter's share count is not compared with a year's.
CREATE OR REPLACE FUNCTION fundamentals_validity(
    symbols text[], dates date[], vintage text DEFAULT 'known', availability text DEFAULT 'close'
)
RETURNS TABLE (
    symbol text, valid_from date, valid_to date, income_date date, income_months integer, income_currency text,
    income_year_before_currency text, income_available_date date, income_fault text, income_year_before_fault text,
    cash_flow_available_date date, cash_flow_months integer, cash_flow_fault text, balance_sheet_date date,
    balance_sheet_months integer, balance_sheet_currency text, balance_sheet_year_before_currency text,
    balance_sheet_available_date date, balance_sheet_fault text, balance_sheet_year_before_fault text,
    {{income_types}},
    {{cash_flow_types}},
    {{balance_sheet_types}}
)
{{planned}}
BEGIN ATOMIC
WITH periods AS MATERIALIZED (
    SELECT * FROM period_components(
        symbols, dates, vintage, ARRAY['income', 'balance_sheet'], availability := availability)
),
first_components AS MATERIALIZED (SELECT * FROM periods WHERE is_first),
income_figures AS MATERIALIZED (
    SELECT p.id,
           {{income_figures}}
    FROM periods p JOIN income_statements s ON {{matches_component}}
    LEFT JOIN split_factors l
      ON l.symbol = s.symbol AND s.split_basis_date >= l.from_date AND s.split_basis_date < l.to_date
    WHERE p.statement_type = 'income' AND s.symbol = ANY (symbols) GROUP BY p.id
),
cash_flow_figures AS MATERIALIZED (
    SELECT p.id,
           {{cash_flow_figures}}
    FROM periods p JOIN cash_flows s ON {{matches_component}}
    WHERE p.statement_type = 'cash_flow' AND p.years_back = 0 AND s.symbol = ANY (symbols) GROUP BY p.id
),
balance_sheet_figures AS MATERIALIZED (
    SELECT p.id,
           {{balance_sheet_figures}}
    FROM periods p JOIN balance_sheets s ON {{matches_component}}
    WHERE p.statement_type = 'balance_sheet' AND s.symbol = ANY (symbols) GROUP BY p.id
),
-- The newest year and the year before in one row.
years AS MATERIALIZED (
    SELECT h.id, h.statement_type, h.symbol, h.valid_from, h.valid_to, h.fiscal_date, h.basis, h.reported_currency,
           h.reason, h.months, b.id AS before_id, b.basis AS before_basis, b.reported_currency AS before_currency,
           greatest(h.inputs_available_date, b.inputs_available_date) AS available_date,
           CASE WHEN b.id IS NULL THEN 'no_statement_known' ELSE b.reason END AS before_reason
    FROM first_components h LEFT JOIN first_components b ON b.interval_id = h.interval_id AND b.years_back = 1
    WHERE h.years_back = 0
),
income AS (
    SELECT h.*,
           {{income_inputs}}
    FROM years h LEFT JOIN income_figures n ON n.id = h.id LEFT JOIN income_figures w ON w.id = h.before_id
    WHERE h.statement_type = 'income'
),
cash_flow AS (
    SELECT h.*,
           {{cash_flow_inputs}}
    FROM years h LEFT JOIN cash_flow_figures n ON n.id = h.id
    WHERE h.statement_type = 'cash_flow'
),
balance_sheet AS (
    SELECT h.*,
           {{balance_sheet_inputs}}
    FROM years h LEFT JOIN balance_sheet_figures n ON n.id = h.id
    LEFT JOIN balance_sheet_figures w ON w.id = h.before_id
    WHERE h.statement_type = 'balance_sheet'
),
-- Each interval, with the newest start of an interval of each statement type by then.
intervals AS (
    SELECT symbol, valid_from,
           coalesce(lead(valid_from) OVER by_day, {{END_OF_TIME}}) AS valid_to,
           max(income_from) OVER by_day AS income_from, max(cash_flow_from) OVER by_day AS cash_flow_from,
           max(balance_sheet_from) OVER by_day AS balance_sheet_from
    FROM (SELECT symbol, valid_from,
                 max(valid_from) FILTER (WHERE statement_type = 'income') AS income_from,
                 max(valid_from) FILTER (WHERE statement_type = 'cash_flow') AS cash_flow_from,
                 max(valid_from) FILTER (WHERE statement_type = 'balance_sheet') AS balance_sheet_from
          FROM years GROUP BY symbol, valid_from) d
    WINDOW by_day AS (PARTITION BY symbol ORDER BY valid_from)
)
SELECT s.symbol, s.valid_from, s.valid_to,
       i.fiscal_date, i.months, i.reported_currency, i.before_currency, i.available_date,
       CASE WHEN i.id IS NULL THEN 'no_statement_known' ELSE i.reason END,
       i.before_reason,
       c.available_date, c.months,
       CASE WHEN c.id IS NULL THEN 'no_statement_known'
            WHEN c.reason IS NOT NULL THEN c.reason
            WHEN c.fiscal_date <> i.fiscal_date THEN 'of_another_period'
            WHEN c.reported_currency IS DISTINCT FROM i.reported_currency THEN 'currencies_differ'
       END,
       b.fiscal_date, b.months, b.reported_currency, b.before_currency, b.available_date,
       CASE WHEN b.id IS NULL THEN 'no_balance_sheet_known' END,
       b.before_reason,
       {{income_names}}, {{cash_flow_names}}, {{balance_sheet_names}}
FROM intervals s
LEFT JOIN income i ON i.symbol = s.symbol AND i.valid_from = s.income_from AND i.valid_to > s.valid_from
LEFT JOIN cash_flow c ON c.symbol = s.symbol AND c.valid_from = s.cash_flow_from AND c.valid_to > s.valid_from
LEFT JOIN balance_sheet b
  ON b.symbol = s.symbol AND b.valid_from = s.balance_sheet_from AND b.valid_to > s.valid_from;
END;
