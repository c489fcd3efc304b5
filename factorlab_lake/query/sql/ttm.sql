-- ttm(symbols, dates, age_limit := 200): flows of the trailing twelve months as known at each date
-- Grain: one row per requested symbol and date, also where nothing is known; `reason` then says why.
-- Only additive flows are summed, over four consecutive quarters in one currency: ends 75-120 days apart and
-- 245-300 days from first to last. An item missing in one leg (or 0 where vendors write 0 for missing) is NULL. Where a quarter is missing and the
-- newest period end is a fiscal year's, the year's own row serves (basis 'fiscal_year').
-- Cash flow items are given only where their four legs end on the same day as the income statement's.
-- Point in time: every leg in its newest version with available_date <= date; the newest fiscal period end
-- first, so that a late amendment of an old quarter does not displace the current one.
-- inputs_available_date is the latest of the legs' available_date. Money in reported_currency.
CREATE OR REPLACE MACRO ttm(symbols, dates, age_limit := 200) AS TABLE
WITH wanted AS (SELECT DISTINCT unnest(symbols) AS symbol),
grid AS (SELECT symbol, date FROM wanted, (SELECT DISTINCT unnest(dates)::DATE AS date)),
periods AS (
    SELECT 'income' AS kind, symbol, fiscal_date, fiscal_period, version, available_date, reported_currency
    FROM income_statements WHERE symbol IN (SELECT symbol FROM wanted)
    UNION ALL
    SELECT 'cash_flow', symbol, fiscal_date, fiscal_period, version, available_date, reported_currency
    FROM cash_flows WHERE symbol IN (SELECT symbol FROM wanted)
),
-- Each content of a period stands from the day it became available until a later one did.
contents AS MATERIALIZED (
    SELECT *, fiscal_period = 'FY' AS is_year,
           coalesce(min(available_date) OVER (
               PARTITION BY kind, symbol, fiscal_date, fiscal_period = 'FY' ORDER BY version, fiscal_period
               ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), DATE '9999-01-01') AS superseded
    FROM periods
),
-- What is known changes only on the days when something becomes available: answer once per such day.
spans AS (
    SELECT kind, symbol, available_date AS event,
           coalesce(lead(available_date) OVER (PARTITION BY kind, symbol ORDER BY available_date), DATE '9999-01-01') AS until,
           max(newest) OVER (PARTITION BY kind, symbol ORDER BY available_date) AS newest
    FROM (SELECT kind, symbol, available_date, max(fiscal_date) AS newest FROM periods GROUP BY ALL)
),
asked AS MATERIALIZED (
    SELECT s.kind, g.symbol, g.date, s.event, s.newest
    FROM grid g JOIN spans s ON g.symbol = s.symbol AND g.date >= s.event AND g.date < s.until
),
events AS MATERIALIZED (SELECT DISTINCT kind, symbol, event, newest FROM asked),
-- Four quarters end within 300 days of each other: nothing older can be a leg.
known AS MATERIALIZED (
    SELECT e.kind, e.symbol, e.event, e.newest, c.fiscal_date, c.fiscal_period, c.available_date,
           c.reported_currency, c.version, c.is_year
    FROM events e JOIN contents c
      ON c.kind = e.kind AND c.symbol = e.symbol AND c.available_date <= e.event AND c.superseded > e.event
     AND c.fiscal_date > e.newest - 310 AND (NOT c.is_year OR c.fiscal_date = e.newest)
),
-- The last four, each with the days to the next.
legs AS MATERIALIZED (
    SELECT *, lead(fiscal_date) OVER by_date - fiscal_date AS gap
    FROM known WHERE NOT is_year
    WINDOW by_date AS (PARTITION BY kind, symbol, event ORDER BY fiscal_date)
    QUALIFY count(*) OVER (
        PARTITION BY kind, symbol, event ORDER BY fiscal_date ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) < 4
),
quarters AS (
    SELECT kind, symbol, event, max(fiscal_date) AS fiscal_date, max(available_date) AS inputs_available_date,
           any_value(reported_currency) AS reported_currency,
           CASE WHEN max(fiscal_date) <> any_value(newest) THEN 'newest_period_has_no_quarter'
                WHEN count(*) < 4 THEN 'quarter_missing'
                WHEN min(gap) < 75 OR max(gap) > 120
                  OR max(fiscal_date) - min(fiscal_date) NOT BETWEEN 245 AND 300 THEN 'quarters_not_consecutive'
                WHEN min(reported_currency) <> max(reported_currency) THEN 'currencies_differ' END AS reason
    FROM legs GROUP BY kind, symbol, event
),
years AS (FROM known WHERE is_year),
chosen AS (
    SELECT e.kind, e.symbol, e.event,
           CASE WHEN q.reason IS NULL AND q.symbol IS NOT NULL THEN 'quarters'
                WHEN y.symbol IS NOT NULL THEN 'fiscal_year' END AS basis,
           CASE WHEN basis = 'fiscal_year' THEN y.fiscal_date ELSE q.fiscal_date END AS fiscal_date,
           CASE WHEN basis = 'fiscal_year' THEN y.available_date ELSE q.inputs_available_date END AS inputs_available_date,
           CASE WHEN basis = 'fiscal_year' THEN y.reported_currency ELSE q.reported_currency END AS reported_currency,
           CASE WHEN basis IS NULL THEN coalesce(q.reason, 'quarter_missing') END AS reason
    FROM events e LEFT JOIN quarters q USING (kind, symbol, event) LEFT JOIN years y USING (kind, symbol, event)
),
parts AS (
    SELECT l.kind, l.symbol, l.event, l.fiscal_date, l.fiscal_period, l.version FROM legs l
    JOIN chosen c ON c.kind = l.kind AND c.symbol = l.symbol AND c.event = l.event AND c.basis = 'quarters'
    UNION ALL
    SELECT y.kind, y.symbol, y.event, y.fiscal_date, y.fiscal_period, y.version FROM years y
    JOIN chosen c ON c.kind = y.kind AND c.symbol = y.symbol AND c.event = y.event AND c.basis = 'fiscal_year'
),
income AS (
    SELECT p.symbol, p.event, {{income_sums}}
    FROM parts p JOIN income_statements s
      ON p.symbol = s.symbol AND p.fiscal_date = s.fiscal_date AND p.fiscal_period = s.fiscal_period AND p.version = s.version
    WHERE p.kind = 'income' GROUP BY p.symbol, p.event
),
cash_flow AS (
    SELECT p.symbol, p.event, {{cash_flow_sums}}
    FROM parts p JOIN cash_flows s
      ON p.symbol = s.symbol AND p.fiscal_date = s.fiscal_date AND p.fiscal_period = s.fiscal_period AND p.version = s.version
    WHERE p.kind = 'cash_flow' GROUP BY p.symbol, p.event
),
answers AS (
    SELECT a.kind, a.symbol, a.date, c.* EXCLUDE (kind, symbol),
           a.date - c.fiscal_date AS age_days,
           c.basis IS NOT NULL AND a.date - c.fiscal_date <= age_limit + CASE c.basis WHEN 'fiscal_year' THEN 274 ELSE 0 END AS fresh
    FROM asked a JOIN chosen c ON c.kind = a.kind AND c.symbol = a.symbol AND c.event = a.event
)
SELECT g.symbol, g.date, ai.fiscal_date, ai.basis, ai.reported_currency,
       CASE WHEN ac.fresh AND ac.fiscal_date = ai.fiscal_date
            THEN greatest(ai.inputs_available_date, ac.inputs_available_date)
            ELSE ai.inputs_available_date END AS inputs_available_date,
       ai.age_days,
       CASE WHEN ai.symbol IS NULL THEN 'no_statement_known'
            WHEN ai.reason IS NOT NULL THEN ai.reason
            WHEN NOT ai.fresh THEN 'statement_stale' END AS reason,
       {{ttm_flows}}
FROM grid g
LEFT JOIN answers ai ON ai.kind = 'income' AND ai.symbol = g.symbol AND ai.date = g.date
LEFT JOIN answers ac ON ac.kind = 'cash_flow' AND ac.symbol = g.symbol AND ac.date = g.date
LEFT JOIN income i ON i.symbol = g.symbol AND i.event = ai.event AND ai.fresh
LEFT JOIN cash_flow c
  ON c.symbol = g.symbol AND c.event = ac.event AND ac.fresh AND ai.fresh
 AND ac.fiscal_date = ai.fiscal_date AND ac.reported_currency IS NOT DISTINCT FROM ai.reported_currency;
