-- number_text(number): return a number as text, exactly as DuckDB writes it
-- Rules:
-- - The text has the fewest digits that represent the number exactly.
-- - Between 0.0001 and 1e16 it has a decimal point and no exponent, else an exponent.
CREATE OR REPLACE FUNCTION number_text(number double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN number = 0 THEN number::text || '.0'  -- the text of -0.0 has its sign
            WHEN abs(number) < 1e-4 OR abs(number) >= 1e16 THEN number::text
            WHEN number = trunc(number) THEN number::text::numeric::text || '.0'
            ELSE number::text::numeric::text END;
