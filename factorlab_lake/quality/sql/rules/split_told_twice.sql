-- split_told_twice: find one split that is reported on two days
-- Grain: one row per symbol and later day. Both days are within a week and have one ratio; only one of them counts.
SELECT symbol, date, numerator / denominator AS value, 'also reported on ' || lag(date) OVER reports AS detail
FROM splits
WHERE source <> 'inferred' AND numerator > 0 AND denominator > 0
WINDOW reports AS (PARTITION BY symbol ORDER BY date)
QUALIFY date - lag(date) OVER reports <= {{SAME_SPLIT_DAYS}}
    AND abs(ln(numerator / denominator) - ln(lag(numerator) OVER reports / lag(denominator) OVER reports)) < {{SPLIT_RATIO_TOLERANCE}}
