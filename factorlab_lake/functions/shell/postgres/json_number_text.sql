-- json_number_text(number): return a number as text, exactly as DuckDB writes it in JSON
-- Rules:
-- - The text has the fewest digits that represent the number exactly.
-- - Between 1e-6 and 1e21 it has a decimal point and no exponent, else an exponent.
CREATE OR REPLACE FUNCTION json_number_text(number double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN number = 0 THEN number::text || '.0'  -- the text of -0.0 has its sign
            WHEN abs(number) < 1e-6 OR abs(number) >= 1e21 THEN replace(replace(to_json(number)::text, 'e+', 'e'), 'e-0', 'e-')
            WHEN number = trunc(number) THEN number::text::numeric::text || '.0'
            ELSE number::text::numeric::text END;
