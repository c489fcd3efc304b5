-- split_contradicted: find splits that contradict what two fetches of the same bars show
-- Grain: one row per symbol and ex-date. `value` is the reported ratio, `expected` the ratio of the closes of both fetches.
-- The same day's close is compared before and after the split was counted. No other reported split lies between. A bar that
-- its user corrected, also in its split basis alone, proves nothing.
WITH told AS (  -- a provider's list and a file of prices may both have a split
    SELECT DISTINCT symbol, date, numerator / denominator AS ratio
    FROM splits WHERE source <> 'inferred' AND retracted_at IS NULL AND numerator > 0 AND denominator > 0
),
pairs AS (
    SELECT r.symbol, r.date, r.close_price / b.close_price AS moved, least(r.split_basis_date, b.split_basis_date) AS early,
           greatest(r.split_basis_date, b.split_basis_date) AS late, r.split_basis_date < b.split_basis_date AS forwards
    FROM price_revisions r JOIN price_data b ON b.symbol = r.symbol AND b.date = r.date AND b.year = r.year
    WHERE r.split_basis_date <> b.split_basis_date AND r.close_price > 0 AND b.close_price > 0
      AND r.change_kind <> 'correction' AND r.symbol IN (SELECT symbol FROM told)
),
candidates AS (
    SELECT t.symbol, t.date, t.ratio, p.early, p.late, CASE WHEN p.forwards THEN p.moved ELSE 1 / p.moved END AS moved
    FROM told t JOIN pairs p ON p.symbol = t.symbol AND t.date > p.early AND t.date <= p.late AND p.date < t.date
),
compared AS (
    SELECT symbol, date, ratio, median(moved) AS moved, count(*) AS bars
    FROM candidates c ANTI JOIN told o ON o.symbol = c.symbol AND o.date <> c.date AND o.date > c.early AND o.date <= c.late
    GROUP BY symbol, date, ratio
)
SELECT symbol, date, ratio AS value, moved AS expected, bars || ' bars of two fetches' AS detail
FROM compared
WHERE bars >= {{MIN_REBASED_BARS}} AND abs(ln(moved / ratio)) > {{SPLIT_LABEL_TOLERANCE}}
