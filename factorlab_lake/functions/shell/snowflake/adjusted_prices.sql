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
{{adjusted_bars}}
$$;
