-- factors(symbols, dates, age_limit := 200, vintage := 'known', cells := NULL): valuation, profitability, leverage, growth
-- Grain: one row per requested symbol and date (or only those of a list of {symbol, date}); a factor that cannot be computed is NULL and `reason` says why.
-- Formulas: query/factors.csv, each a numerator over a denominator that must be positive. Their inputs: market_caps,
-- flows of the trailing twelve months (as ttm), the newest balance sheet known at the date, and the same a year before
-- (`…_year_before`, as known at the date). Balances are those at the period end, not averages. An item that vendors
-- write as 0 for "not reported" counts as missing when it is 0.
-- Currency: items that meet in a factor must share one; the price's is taken from company_profiles where known.
-- Stale: a period end more than age_limit days back (274 more where a fiscal year's statement is the newest).
-- Point in time and vintage: as market_caps and fundamental_spans. inputs_available_date is the latest of all inputs'.
CREATE OR REPLACE MACRO factors(symbols, dates, age_limit := 200, vintage := 'known', cells := NULL) AS TABLE
WITH grid AS MATERIALIZED (
    SELECT symbol, date
    FROM (SELECT DISTINCT unnest(symbols) AS symbol), (SELECT DISTINCT unnest(dates)::DATE AS date)
    WHERE cells IS NULL
    UNION ALL
    SELECT DISTINCT cell.symbol, cell.date FROM (SELECT unnest(cells::STRUCT(symbol VARCHAR, date DATE)[]) AS cell)
),
spans AS MATERIALIZED (FROM fundamental_spans(symbols, dates, vintage := vintage, year_before := ['income', 'balance_sheet'])),
heads AS MATERIALIZED (
    SELECT id, event, statement_type, symbol, years_back, known_from, known_until, fiscal_date, basis,
           reported_currency, inputs_available_date, reason, months
    FROM spans WHERE is_head
),
income_figures AS MATERIALIZED (
    SELECT p.id,
           {{income_figures}}
    FROM spans p JOIN income_statements s
      ON s.symbol = p.symbol AND s.fiscal_date = p.part_date AND s.fiscal_period = p.part_period
     AND s.version = p.part_version
    LEFT JOIN split_levels l
      ON l.symbol = s.symbol AND s.split_basis_date >= l.from_date AND s.split_basis_date < l.to_date
    WHERE p.statement_type = 'income' GROUP BY p.id
),
cash_flow_figures AS MATERIALIZED (
    SELECT p.id,
           {{cash_flow_figures}}
    FROM spans p JOIN cash_flows s
      ON s.symbol = p.symbol AND s.fiscal_date = p.part_date AND s.fiscal_period = p.part_period
     AND s.version = p.part_version
    WHERE p.statement_type = 'cash_flow' AND p.years_back = 0 GROUP BY p.id
),
balance_sheet_figures AS MATERIALIZED (
    SELECT p.id,
           {{balance_sheet_figures}}
    FROM spans p JOIN balance_sheets s
      ON s.symbol = p.symbol AND s.fiscal_date = p.part_date AND s.fiscal_period = p.part_period
     AND s.version = p.part_version
    WHERE p.statement_type = 'balance_sheet' GROUP BY p.id
),
-- One row per stretch of time and calendar year in it: the newest year beside the one before it. The calendar year
-- keeps the join to the dates fast: by symbol alone it would hold every date against every stretch of its symbol.
years AS MATERIALIZED (
    SELECT h.* EXCLUDE (event, years_back, inputs_available_date), b.id AS before_id, b.basis AS before_basis,
           b.reported_currency AS before_currency,
           greatest(h.inputs_available_date, b.inputs_available_date) AS available_date,
           CASE WHEN b.id IS NULL THEN 'no_statement_known' ELSE b.reason END AS before_reason,
           unnest(range(year(greatest(h.known_from, list_min(dates)::DATE)),
                        year(least(h.known_until, list_max(dates)::DATE)) + 1)) AS in_year
    FROM heads h LEFT JOIN heads b ON b.event = h.event AND b.years_back = 1
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
facts AS (
    SELECT g.symbol, g.date, m.market_cap, m.reason AS market_cap_reason,
           CASE WHEN i.id IS NULL THEN 'no_statement_known'
                WHEN i.reason IS NOT NULL THEN i.reason
                WHEN g.date - i.fiscal_date > age_limit + CASE i.basis WHEN 'fiscal_year' THEN 274 ELSE 0 END
                THEN 'statement_stale' END AS income_reason,
           CASE WHEN c.id IS NULL THEN 'no_statement_known'
                WHEN c.reason IS NOT NULL THEN c.reason
                WHEN c.fiscal_date <> i.fiscal_date THEN 'of_another_period'
                WHEN g.date - c.fiscal_date > age_limit + CASE c.basis WHEN 'fiscal_year' THEN 274 ELSE 0 END
                THEN 'statement_stale'
                WHEN c.reported_currency IS DISTINCT FROM i.reported_currency THEN 'currencies_differ'
           END AS cash_flow_reason,
           CASE WHEN b.id IS NULL THEN 'no_balance_sheet_known'
                WHEN g.date - b.fiscal_date > age_limit + CASE b.months WHEN 12 THEN 274 ELSE 0 END
                THEN 'balance_sheet_stale' END AS balance_sheet_reason,
           i.before_reason AS income_year_before_reason, b.before_reason AS balance_sheet_year_before_reason,
           p.currency AS price_currency, i.reported_currency AS income_currency,
           i.before_currency AS income_year_before_currency, b.reported_currency AS balance_sheet_currency,
           b.before_currency AS balance_sheet_year_before_currency,
           greatest(i.fiscal_date, b.fiscal_date) AS fiscal_date,
           greatest(m.shares_available_date, i.available_date, b.available_date,
                    CASE WHEN cash_flow_reason IS NULL THEN c.available_date END) AS inputs_available_date,
           {{income_names}}, {{cash_flow_names}}, {{balance_sheet_names}}
    FROM grid g
    JOIN market_caps(symbols, dates, vintage := vintage) m ON m.symbol = g.symbol AND m.date = g.date
    LEFT JOIN income i
      ON i.symbol = g.symbol AND i.in_year = year(g.date) AND g.date >= i.known_from AND g.date < i.known_until
    LEFT JOIN cash_flow c
      ON c.symbol = g.symbol AND c.in_year = year(g.date) AND g.date >= c.known_from AND g.date < c.known_until
    LEFT JOIN balance_sheet b
      ON b.symbol = g.symbol AND b.in_year = year(g.date) AND g.date >= b.known_from AND g.date < b.known_until
    LEFT JOIN company_profiles p ON p.symbol = g.symbol
),
usable AS (
    SELECT * REPLACE (
           {{income_usable}},
           {{cash_flow_usable}},
           {{balance_sheet_usable}})
    FROM facts
)
SELECT symbol, date, market_cap,
       {{factor_columns}},
       fiscal_date, inputs_available_date, date - fiscal_date AS age_days,
       nullif(concat_ws('; ',
           'market_cap: ' || market_cap_reason, 'ttm: ' || income_reason, 'balance_sheet: ' || balance_sheet_reason,
           CASE WHEN income_reason IS NULL THEN 'cash_flow: ' || cash_flow_reason END,
           CASE WHEN income_reason IS NULL THEN 'ttm_year_before: ' || income_year_before_reason END,
           CASE WHEN balance_sheet_reason IS NULL
                THEN 'balance_sheet_year_before: ' || balance_sheet_year_before_reason END,
           CASE WHEN NOT ({{same_currencies}}) THEN 'currencies_differ' END,
           {{factor_reasons}}), '') AS reason
FROM usable;
