-- split_ratio_implausible: find splits with an impossible ratio
-- Grain: one row per symbol and ex-date. `value` is the ratio. Splits of 1000:31 and 1:112 are real.
SELECT symbol, date, numerator / nullif(denominator, 0) AS value, numerator || ':' || denominator AS detail
FROM splits
WHERE NOT coalesce(numerator > 0 AND denominator > 0 AND numerator / denominator <= {{MAX_SPLIT_RATIO}}
                   AND denominator / numerator <= {{MAX_SPLIT_RATIO}}, false)
