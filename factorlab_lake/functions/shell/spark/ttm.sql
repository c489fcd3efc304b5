WITH {{grid}},
{{fundamentals}},
facts AS (
    SELECT r.symbol, r.date, r.day, {{age_limit}} AS age_limit, datediff(i.income_date, {{EPOCH}}) AS income_day,
           i.company_id, i.statement_provider, {{facts_of_interval}}
    FROM requested r LEFT JOIN intervals i ON i.symbol = r.symbol AND r.date >= i.valid_from AND r.date < i.valid_to
)
SELECT * FROM ({{ttm}}) AS answer
