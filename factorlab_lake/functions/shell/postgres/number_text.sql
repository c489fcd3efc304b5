-- number_text(number): a number as text in the fewest digits that say it exactly, written as DuckDB writes it
-- Between 0.0001 and 1e16 in full and with a decimal point, else with an exponent.
CREATE OR REPLACE FUNCTION number_text(number double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN number <> 0 AND (abs(number) < 1e-4 OR abs(number) >= 1e16) THEN number::text
            WHEN number = trunc(number) THEN number::text::numeric::text || '.0'
            ELSE number::text::numeric::text END;
