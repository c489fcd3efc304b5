-- The factors of each row of published on its day.
{{bars_of_pairs}},
{{cap_facts}},
{{fundamentals}},
{{factor_facts}},
inputs AS (WITH {{inputs_of_factors}}),
computed_factors AS ({{factors_with_dates}}),
periods AS (
    SELECT p.symbol, p.fiscal_date, f.date, p.accepted_date, f.market_cap, s.shares AS shares_outstanding,
           f.fiscal_date AS known_fiscal_date, {{factor_columns}},
           f.inputs_available_date, f.age_days, f.company_id, f.statement_provider, f.reasons, f.reason
    FROM published p
    JOIN computed_factors f ON f.symbol = p.symbol AND f.date = p.published_on
    LEFT JOIN cap_facts s ON s.symbol = p.symbol AND s.date = p.published_on
)
