-- The query of financial_ratios for Snowflake and Spark, which have no lateral function and pass the condition on a symbol down.
WITH ratios_of_periods AS (
WITH published AS (SELECT * FROM period_publications),
{{ratios_of_published}}
)
SELECT r.*, r.statement_provider AS source_provider, s.created_at, s.updated_at
FROM ratios_of_periods AS r
LEFT JOIN ({{stored_periods}}) AS s ON s.symbol = r.symbol AND s.period_end = r.fiscal_date
