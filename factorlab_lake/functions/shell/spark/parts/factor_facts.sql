{{fundamentals}},
caps AS (WITH facts AS (SELECT * FROM cap_facts) SELECT * FROM ({{market_caps}}) AS answer),
facts AS (
    SELECT m.symbol, m.date, datediff(m.date, {{EPOCH}}) AS day, {{age_limit}} AS age_limit, m.market_cap,
           m.reason AS market_cap_reason, m.multi_class, m.currency,
           datediff(m.shares_available_date, {{EPOCH}}) AS shares_available_day,
           datediff(i.income_date, {{EPOCH}}) AS income_day,
           datediff(i.balance_sheet_date, {{EPOCH}}) AS balance_sheet_day,
           datediff(i.income_years_available_date, {{EPOCH}}) AS income_years_available_day,
           datediff(i.balance_sheet_years_available_date, {{EPOCH}}) AS balance_sheet_years_available_day,
           datediff(i.cash_flow_available_date, {{EPOCH}}) AS cash_flow_available_day,
           coalesce(i.company_id, m.company_id) AS company_id, coalesce(i.statement_provider, m.statement_provider) AS statement_provider,
           {{facts_of_interval}}
    FROM caps m LEFT JOIN intervals i ON i.symbol = m.symbol AND m.date >= i.valid_from AND m.date < i.valid_to
)
