{{fundamentals}},
caps AS (WITH facts AS (SELECT * FROM cap_facts) SELECT * FROM ({{market_caps}}) AS answer),
facts AS (
    SELECT m.symbol, m.date, m.date - {{EPOCH}} AS day, {{age_limit}} AS age_limit, m.market_cap,
           m.reason AS market_cap_reason, m.multi_class, m.currency,
           m.shares_available_date - {{EPOCH}} AS shares_available_day,
           i.income_date - {{EPOCH}} AS income_day,
           i.balance_sheet_date - {{EPOCH}} AS balance_sheet_day,
           i.income_years_available_date - {{EPOCH}} AS income_years_available_day,
           i.balance_sheet_years_available_date - {{EPOCH}} AS balance_sheet_years_available_day,
           i.cash_flow_available_date - {{EPOCH}} AS cash_flow_available_day,
           coalesce(i.company_id, m.company_id) AS company_id, coalesce(i.statement_provider, m.statement_provider) AS statement_provider,
           {{fundamentals_columns}}
    FROM caps m
    JOIN fundamentals_vintages v ON v.symbol = m.symbol
    LEFT JOIN LATERAL (
        SELECT * FROM fundamentals_history h
        WHERE h.symbol = m.symbol AND h.of_vintage = v.vintage AND h.valid_from <= m.date
        ORDER BY h.valid_from DESC LIMIT 1) i ON i.valid_to > m.date
)
