-- ttm(symbols, dates, age_limit := {{QUARTER_AGE_LIMIT_DAYS}}, vintage := 'known', availability := 'close'): return the flows of the trailing twelve months as known at each date
-- Grain: one row per requested symbol and date, also where nothing is known; `reason` gives the cause.
-- Parameters:
-- - age_limit: days after which the newest period end is stale. A fiscal year gets {{FISCAL_YEAR_EXTRA_AGE_DAYS}} more, because the next one is due later.
-- - vintage: see checked_vintage.
-- - availability: see availability_lag_days.
-- Point in time: as period_components. Money is in reported_currency.
-- Rules:
-- - Only additive flows are summed, over the statements of period_components: four consecutive quarters, or the fiscal year
--   where a quarter is missing (basis 'fiscal_year').
-- - `derivation` lists the quarters that follow from longer periods.
-- - An item that is missing in one component is NULL, never a partial sum. A 0 is missing where vendors write it so.
-- - Cash flow items are returned only where their twelve months end with those of the income statement.
CREATE OR REPLACE FUNCTION ttm(
    symbols text[], dates date[], age_limit integer DEFAULT {{QUARTER_AGE_LIMIT_DAYS}}, vintage text DEFAULT 'known',
    availability text DEFAULT 'close'
)
RETURNS TABLE (
    symbol text, date date, fiscal_date date, basis text, derivation text, reported_currency text,
    inputs_available_date date, age_days bigint, reason text,
    {{ttm_types}}
)
{{planned}}
BEGIN ATOMIC
WITH grid AS MATERIALIZED (
    SELECT s.symbol, d.date, date_part('year', d.date)::integer AS in_year
    FROM (SELECT DISTINCT symbol FROM unnest(symbols) AS symbol) s
    CROSS JOIN (SELECT DISTINCT date FROM unnest(dates) AS date) d
),
periods AS MATERIALIZED (
    SELECT * FROM period_components(symbols, dates, vintage, types => ARRAY['income', 'cash_flow'],
                                    availability => availability)
),
requested AS MATERIALIZED (
    SELECT g.date, s.*, g.date - s.fiscal_date AS age_days,
           s.basis IS NOT NULL
           AND g.date - s.fiscal_date <= age_limit + CASE s.basis WHEN 'fiscal_year' THEN {{FISCAL_YEAR_EXTRA_AGE_DAYS}} ELSE 0 END AS fresh
    FROM grid g
    -- Without the year in the join, every date is compared with every interval of its symbol.
    JOIN (SELECT f.id, f.statement_type, f.symbol, f.valid_from, f.valid_to, f.fiscal_date, f.basis,
                 f.derivation, f.reported_currency, f.inputs_available_date, f.reason, years.in_year
          FROM periods f CROSS JOIN (SELECT min(day) AS first, max(day) AS last FROM unnest(dates) AS day) a
          CROSS JOIN LATERAL generate_series(
              date_part('year', greatest(f.valid_from, a.first))::integer,
              date_part('year', least(f.valid_to, a.last))::integer) AS years (in_year)
          WHERE f.is_first) s
      ON s.symbol = g.symbol AND s.in_year = g.in_year AND g.date >= s.valid_from AND g.date < s.valid_to
),
components AS MATERIALIZED (SELECT * FROM periods WHERE id IN (SELECT a.id FROM requested a WHERE a.fresh)),
income AS (
    SELECT p.id, {{income_sums}}
    FROM components p JOIN income_statements s ON {{matches_component}}
    WHERE p.statement_type = 'income' AND s.symbol = ANY (symbols) GROUP BY p.id
),
cash_flow AS (
    SELECT p.id, {{cash_flow_sums}}
    FROM components p JOIN cash_flows s ON {{matches_component}}
    WHERE p.statement_type = 'cash_flow' AND s.symbol = ANY (symbols) GROUP BY p.id
)
SELECT g.symbol, g.date, ai.fiscal_date, ai.basis, ai.derivation, ai.reported_currency,
       CASE WHEN ac.fresh AND ac.fiscal_date = ai.fiscal_date
            THEN greatest(ai.inputs_available_date, ac.inputs_available_date)
            ELSE ai.inputs_available_date END,
       ai.age_days,
       CASE WHEN ai.symbol IS NULL THEN 'no_statement_known'
            WHEN ai.reason IS NOT NULL THEN ai.reason
            WHEN NOT ai.fresh THEN 'statement_stale' END,
       {{ttm_flows}}
FROM grid g
LEFT JOIN requested ai ON ai.statement_type = 'income' AND ai.symbol = g.symbol AND ai.date = g.date
LEFT JOIN requested ac ON ac.statement_type = 'cash_flow' AND ac.symbol = g.symbol AND ac.date = g.date
LEFT JOIN income i ON i.id = CASE WHEN ai.fresh THEN ai.id END
LEFT JOIN cash_flow c
  ON c.id = CASE WHEN ac.fresh AND ai.fresh AND ac.fiscal_date = ai.fiscal_date
                  AND ac.reported_currency IS NOT DISTINCT FROM ai.reported_currency THEN ac.id END;
END;
