caps AS (WITH facts AS (FROM cap_facts), {{market_caps}}),
facts AS (
    SELECT m.symbol, m.date, (m.date - {{EPOCH}})::INTEGER AS day, {{age_limit}} AS age_limit, m.market_cap,
           m.reason AS market_cap_reason, m.multi_class, m.currency,
           (m.shares_available_date - {{EPOCH}})::INTEGER AS shares_available_day,
           (i.income_date - {{EPOCH}})::INTEGER AS income_day,
           (i.balance_sheet_date - {{EPOCH}})::INTEGER AS balance_sheet_day,
           (i.income_years_available_date - {{EPOCH}})::INTEGER AS income_years_available_day,
           (i.balance_sheet_years_available_date - {{EPOCH}})::INTEGER AS balance_sheet_years_available_day,
           (i.cash_flow_available_date - {{EPOCH}})::INTEGER AS cash_flow_available_day,
           coalesce(i.company_id, m.company_id) AS company_id, coalesce(i.statement_provider, m.statement_provider) AS statement_provider,
           i.* EXCLUDE (symbol, in_year, company_id, statement_provider)
    FROM caps m
    LEFT JOIN intervals i ON i.symbol = m.symbol AND i.in_year = year(m.date) AND m.date >= i.valid_from AND m.date < i.valid_to
)
