{{head}}
CREATE OR REPLACE FUNCTION ttm(symbols text[], dates date[], age_limit integer DEFAULT {{QUARTER_AGE_LIMIT_DAYS}}, vintage text DEFAULT 'known')
RETURNS TABLE (
    symbol text, date date, fiscal_date date, basis text, derivation text, reported_currency text,
    inputs_available_date date, age_days integer,
    {{flow_types}},
    company_id text, statement_provider text, reason text
)
{{planned}}
BEGIN ATOMIC
WITH {{grid}},
{{fundamentals}},
facts AS (
    SELECT r.symbol, r.date, r.day, age_limit AS age_limit, i.income_date - {{EPOCH}} AS income_day,
           i.company_id, i.statement_provider, {{fundamentals_columns}}
    FROM requested r
    JOIN fundamentals_vintages v ON v.symbol = r.symbol
    LEFT JOIN LATERAL (
        SELECT * FROM fundamentals_history h
        WHERE h.symbol = r.symbol AND h.of_vintage = v.vintage AND h.valid_from <= r.date
        ORDER BY h.valid_from DESC LIMIT 1) i ON i.valid_to > r.date
)
SELECT * FROM ({{ttm}}) AS answer;
END;
