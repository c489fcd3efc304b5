-- The steps of ratios over a relation published, for Snowflake and Spark. published_day is the number of the day p.published_on.
requested AS (
    SELECT DISTINCT p.symbol, p.published_on AS date, {{published_day}} AS day FROM published AS p
),
{{cap_facts}},
{{factor_facts}},
inputs AS (SELECT * FROM ({{inputs_of_factors}}) AS answer),
computed_factors AS ({{factors_with_dates}}),
periods AS (
    SELECT p.symbol, p.fiscal_date, f.date, p.accepted_date, f.market_cap, s.shares AS shares_outstanding,
           f.fiscal_date AS known_fiscal_date, {{factor_columns}},
           f.inputs_available_date, f.age_days, f.company_id, f.statement_provider, f.reasons, f.reason
    FROM published AS p
    JOIN computed_factors AS f ON f.symbol = p.symbol AND f.date = p.published_on
    LEFT JOIN cap_facts AS s ON s.symbol = p.symbol AND s.date = p.published_on
)
SELECT * FROM ({{ratios}}) AS answer
