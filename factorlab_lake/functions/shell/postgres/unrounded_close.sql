{{head}}
CREATE OR REPLACE FUNCTION unrounded_close(close double precision, splits_since double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN splits_since <> 1
     AND abs(close * {{CLOSE_UNITS}} - round(close * {{CLOSE_UNITS}})) < {{CLOSE_UNIT_TOLERANCE}}
     AND abs(close * splits_since - floor(close * splits_since * 100 + 0.5) / 100) <= {{CLOSE_ROUNDING}} * splits_since
    THEN floor(close * splits_since * 100 + 0.5) / 100 / splits_since
    ELSE close
END;
