-- unrounded_close(close, splits_since): the close without the rounding a split adjustment brought in
-- FMP divides past prices by later splits and rounds to four decimals, so one day's close comes out
-- differently before and after a split (500.60 became 71.5143 after 7:1, then 17.8786 after 4:1). Shares
-- trade in whole cents: where the price as traded that day, close x splits_since, is a whole cent as far
-- as four decimals can tell, that cent is taken. The result never moves by more than the vendor's rounding.
CREATE OR REPLACE MACRO unrounded_close(close, splits_since) AS
CASE
    WHEN splits_since <> 1
     AND abs(close * {{CLOSE_UNITS}} - round(close * {{CLOSE_UNITS}})) < {{CLOSE_UNIT_TOLERANCE}}
     AND abs(close * splits_since - round(close * splits_since, 2)) <= {{CLOSE_ROUNDING}} * splits_since
    THEN round(close * splits_since, 2) / splits_since
    ELSE close
END;
