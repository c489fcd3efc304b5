-- period_publications: compute the day on which each fiscal period became available
-- Grain: one row per symbol and fiscal period end with a known income statement or balance sheet.
-- Columns:
-- - published_on: the first day at whose close both statements were available, or the only one there is.
-- - accepted_date: that of the later of the statements available by then.
-- Rules:
-- - Of several providers, the one counts that speaks on the day. A period of another one counts from the day on which that one
--   speaks, unless it is there already.
CREATE OR REPLACE TEMP TABLE period_publications AS
WITH published AS (
    SELECT v.subject, s.symbol, v.fiscal_date, greatest(min(v.valid_from) FILTER (v.statement_type = 'income'),
                                                        min(v.valid_from) FILTER (v.statement_type = 'balance_sheet')) AS published_on
    FROM statement_validity v JOIN subjects s ON s.subject = v.subject AND s.vintage = 'known'
    WHERE v.statement_type <> 'cash_flow'
    GROUP BY v.subject, s.symbol, v.fiscal_date
),
spoken AS (
    SELECT p.symbol, p.fiscal_date, min(greatest(p.published_on, o.valid_from)) AS published_on, o.chain_id
    FROM published p JOIN subject_speakers o ON o.subject = p.subject AND o.valid_to > p.published_on
    GROUP BY p.symbol, p.fiscal_date, o.chain_id
),
periods AS (
    SELECT symbol, fiscal_date, min(published_on) AS published_on, NULL AS chain_id FROM published
    WHERE symbol NOT IN (SELECT symbol FROM provider_chains)
    GROUP BY symbol, fiscal_date
    UNION ALL
    SELECT * FROM spoken s ANTI JOIN spoken b
      ON b.symbol = s.symbol AND abs(b.fiscal_date - s.fiscal_date) <= {{SAME_PERIOD_DAYS}}
     AND (b.published_on, b.chain_id) < (s.published_on, s.chain_id)
)
SELECT p.symbol, p.fiscal_date, p.published_on, max(v.accepted_date) AS accepted_date
FROM periods p LEFT JOIN statement_versions v
  ON v.symbol = p.symbol AND v.period_end = p.fiscal_date AND v.statement_type <> 'cash_flow'
 AND v.known_from <= p.published_on AND v.chain_id = coalesce(p.chain_id, v.chain_id)
GROUP BY p.symbol, p.fiscal_date, p.published_on;
