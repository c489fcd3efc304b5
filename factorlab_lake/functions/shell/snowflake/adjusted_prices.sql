{{head}}
CREATE OR REPLACE FUNCTION adjusted_prices(symbols ARRAY, start_date DATE, end_date DATE)
RETURNS TABLE (
    symbol VARCHAR, date DATE, open_price FLOAT, high_price FLOAT, low_price FLOAT, close_price FLOAT, volume FLOAT,
    adjusted_close FLOAT, adjusted_close_source VARCHAR, split_factor FLOAT, dividend_factor FLOAT, reason VARCHAR
)
AS
$$
WITH requested AS (
    SELECT DISTINCT e.value::VARCHAR AS symbol FROM TABLE(FLATTEN(INPUT => {{arg_symbols}})) AS e
),
limits AS (
    SELECT COALESCE({{arg_start_date}}, {{BEGINNING_OF_TIME}}) AS first_day, COALESCE({{arg_end_date}}, {{END_OF_TIME}}) AS last_day
),
{{adjusted_bars}}
$$;
