-- bar_spike: find closes that differ from both neighbours, which agree
-- Grain: one row per symbol and day.
-- The close differs by a quarter or more from the closes before and after, which are within a tenth of each other.
-- All three bars are on one split basis, or no split is near.
WITH steps AS (
    SELECT symbol, date, close_price, lag(close_price) OVER days AS before, lead(close_price) OVER days AS after,
           lag(split_basis_date) OVER days AS basis_before, split_basis_date,
           lead(split_basis_date) OVER days AS basis_after
    FROM price_data
    WHERE close_price > 0
    WINDOW days AS (PARTITION BY symbol ORDER BY date)
)
SELECT symbol, date, close_price AS value, (before + after) / 2 AS expected
FROM steps
WHERE abs(ln(after / before)) < ln({{SPIKE_NEIGHBOUR_RATIO}})
  AND least(abs(ln(close_price / before)), abs(ln(close_price / after))) >= ln({{LARGE_STEP_RATIO}})
  AND (basis_before IS NOT DISTINCT FROM split_basis_date AND basis_after IS NOT DISTINCT FROM split_basis_date
       OR NOT EXISTS (SELECT 1 FROM splits WHERE splits.symbol = steps.symbol
                      AND splits.date BETWEEN steps.date - {{SPIKE_SPLIT_DAYS}} AND steps.date + {{SPIKE_SPLIT_DAYS}}))
