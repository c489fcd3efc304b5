-- ttm(symbols, dates, age_limit := {{QUARTER_AGE_LIMIT_DAYS}}, vintage := 'known'): return the flows of the trailing twelve months as known at each date
-- Grain: one row per requested symbol and date, also where nothing is known; `reason` gives the cause.
-- Parameters:
-- - age_limit: days after which the newest period end is stale. A fiscal year gets {{FISCAL_YEAR_EXTRA_AGE_DAYS}} more, because the next one is due later.
-- - vintage: see checked_vintage.
-- Point in time: as period_components. Money is in reported_currency.
-- Rules:
-- - Only additive flows are summed, over the statements of period_components: four consecutive quarters, or the fiscal year
--   where a quarter is missing (basis 'fiscal_year').
-- - `derivation` lists the quarters that follow from longer periods.
-- - An item that is missing in one component is NULL, never a partial sum. A 0 is missing where vendors write it so.
-- - Cash flow items are returned only where their twelve months end with those of the income statement.
CREATE OR REPLACE MACRO ttm(symbols, dates, age_limit := {{QUARTER_AGE_LIMIT_DAYS}}, vintage := 'known') AS TABLE
WITH grid AS MATERIALIZED (
    SELECT symbol, date
    FROM (SELECT DISTINCT unnest(symbols) AS symbol), (SELECT DISTINCT unnest(dates)::DATE AS date)
),
periods AS MATERIALIZED (
    FROM period_components(symbols, dates, vintage := vintage, types := ['income', 'cash_flow'])
),
requested AS MATERIALIZED (
    SELECT g.symbol, g.date, s.* EXCLUDE (symbol, in_year), g.date - s.fiscal_date AS age_days,
           s.basis IS NOT NULL
           AND age_days <= age_limit + CASE s.basis WHEN 'fiscal_year' THEN {{FISCAL_YEAR_EXTRA_AGE_DAYS}} ELSE 0 END AS fresh
    FROM grid g
    -- Without the year in the join, every date is compared with every interval of its symbol.
    JOIN (SELECT * EXCLUDE (interval_id, years_back, months, component_date, component_period, component_version, component_sign, component_reported, is_first),
                 unnest(range(year(greatest(valid_from, list_min(dates)::DATE)),
                              year(least(valid_to, list_max(dates)::DATE)) + 1)) AS in_year
          FROM periods WHERE is_first) s
      ON s.symbol = g.symbol AND s.in_year = year(g.date) AND g.date >= s.valid_from AND g.date < s.valid_to
),
components AS MATERIALIZED (FROM periods SEMI JOIN (SELECT id FROM requested WHERE fresh) USING (id)),
income AS (
    SELECT p.id, {{income_sums}}
    FROM components p JOIN income_statements s ON {{matches_component}}
    WHERE p.statement_type = 'income' GROUP BY p.id
),
cash_flow AS (
    SELECT p.id, {{cash_flow_sums}}
    FROM components p JOIN cash_flows s ON {{matches_component}}
    WHERE p.statement_type = 'cash_flow' GROUP BY p.id
)
SELECT g.symbol, g.date, ai.fiscal_date, ai.basis, ai.derivation, ai.reported_currency,
       CASE WHEN ac.fresh AND ac.fiscal_date = ai.fiscal_date
            THEN greatest(ai.inputs_available_date, ac.inputs_available_date)
            ELSE ai.inputs_available_date END AS inputs_available_date,
       ai.age_days,
       CASE WHEN ai.symbol IS NULL THEN 'no_statement_known'
            WHEN ai.reason IS NOT NULL THEN ai.reason
            WHEN NOT ai.fresh THEN 'statement_stale' END AS reason,
       {{ttm_flows}}
FROM grid g
LEFT JOIN requested ai ON ai.statement_type = 'income' AND ai.symbol = g.symbol AND ai.date = g.date
LEFT JOIN requested ac ON ac.statement_type = 'cash_flow' AND ac.symbol = g.symbol AND ac.date = g.date
-- Conditions on one side are part of the key. As separate conditions they make DuckDB 1.5 compare all rows with all.
LEFT JOIN income i ON i.id = CASE WHEN ai.fresh THEN ai.id END
LEFT JOIN cash_flow c
  ON c.id = CASE WHEN ac.fresh AND ai.fresh AND ac.fiscal_date = ai.fiscal_date
                  AND ac.reported_currency IS NOT DISTINCT FROM ai.reported_currency THEN ac.id END;
