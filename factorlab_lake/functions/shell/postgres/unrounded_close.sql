-- unrounded_close(close, splits_since): return the close without the rounding of a split adjustment
-- Rules:
-- - FMP divides past prices by later splits and rounds to four decimals. So the close of one day differs before and after a
--   split: 500.60 became 71.5143 after 7:1, then 17.8786 after 4:1.
-- - Shares trade in whole cents. Where close x splits_since, the price as traded, is a whole cent within the rounding of
--   four decimals, the result uses that cent.
-- - The result never differs from the close by more than the vendor's rounding.
CREATE OR REPLACE FUNCTION unrounded_close(close double precision, splits_since double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN splits_since <> 1
     AND abs(close * {{CLOSE_UNITS}} - round(close * {{CLOSE_UNITS}})) < {{CLOSE_UNIT_TOLERANCE}}
     AND abs(close * splits_since - floor(close * splits_since * 100 + 0.5) / 100) <= {{CLOSE_ROUNDING}} * splits_since
    THEN floor(close * splits_since * 100 + 0.5) / 100 / splits_since
    ELSE close
END;
