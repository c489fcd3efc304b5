{{head}}
CREATE OR REPLACE FUNCTION ratios(symbols text[], start_date date, end_date date)
RETURNS TABLE (
    symbol text, fiscal_date date, date date, accepted_date date, market_cap double precision,
    shares_outstanding double precision,
    {{factor_types}},
    inputs_available_date date, age_days integer, company_id text, statement_provider text, reasons text, reason text
)
{{planned}}
BEGIN ATOMIC
WITH published AS MATERIALIZED (
    SELECT *
    FROM period_publications p
    WHERE p.symbol = ANY (symbols)
      AND p.fiscal_date BETWEEN coalesce(start_date, {{BEGINNING_OF_TIME}}) AND coalesce(end_date, {{END_OF_TIME}})
),
requested AS MATERIALIZED (
    SELECT DISTINCT p.symbol, p.published_on AS date, p.published_on - {{EPOCH}} AS day FROM published p
),
{{cap_facts}},
{{factor_facts}},
inputs AS (SELECT * FROM ({{inputs_of_factors}}) AS answer {{fence}}),
computed_factors AS ({{factors_with_dates}}),
periods AS (
    SELECT p.symbol, p.fiscal_date, f.date, p.accepted_date, f.market_cap, s.shares AS shares_outstanding,
           f.fiscal_date AS known_fiscal_date, {{factor_columns}},
           f.inputs_available_date, f.age_days, f.company_id, f.statement_provider, f.reasons, f.reason
    FROM published p
    JOIN computed_factors f ON f.symbol = p.symbol AND f.date = p.published_on
    LEFT JOIN cap_facts s ON s.symbol = p.symbol AND s.date = p.published_on
)
SELECT * FROM ({{ratios}}) AS answer
ORDER BY symbol COLLATE "C", fiscal_date;
END;
