-- uncounted_split: find share counts whose split basis includes a split that the count does not
-- Grain: one row per symbol, source, day counted and version. `value` is the count, `expected` the previous count times the splits
-- between the two bases.
-- A cover page of a day before the split is left out: its count may be that of its day, and market caps take it so.
-- Inferred splits are left out: their day is a guess. So are those that change no number of shares: see distribution_told_as_split. The count is nearer to the previous one than to the expected one, by a factor of four.
WITH counts AS (
    SELECT symbol, as_of_date AS date, source, NULL AS fiscal_period, version, shares, split_basis_date FROM shares_outstanding
    UNION ALL
    SELECT symbol, fiscal_date, 'weighted average of ' || fiscal_period, fiscal_period, version, weighted_average_shares_outstanding,
           split_basis_date
    FROM income_statements
),
steps AS (
    SELECT *, lag(shares) OVER counted AS before, lag(split_basis_date) OVER counted AS basis_before
    FROM counts WHERE shares > 0
    WINDOW counted AS (PARTITION BY symbol, source ORDER BY split_basis_date, date, version)
),
compared AS (
    SELECT s.symbol, s.date, s.source, s.fiscal_period, s.version, s.shares, s.before, any_value(s.split_basis_date) AS basis,
           exp(sum(ln(t.ratio))) AS ratio
    FROM steps s JOIN split_events t ON t.symbol = s.symbol AND t.date > s.basis_before AND t.date <= s.split_basis_date
     AND (s.source <> 'cover_page' OR t.date <= s.date)
    WHERE t.source <> 'inferred' AND t.status = 'applied' AND t.shares_from IS NOT NULL
    GROUP BY ALL
)
SELECT CASE WHEN fiscal_period IS NULL THEN 'shares_outstanding' ELSE 'income_statements' END AS table_name,
       symbol, date, fiscal_period, version, shares AS value, before * ratio AS expected,
       source || ' does not count a split of ' || round(ratio, 3) AS detail
FROM compared
WHERE greatest(ratio, 1 / ratio) >= {{LARGE_STEP_RATIO}}
  AND abs(ln(shares / before)) * {{SPLIT_EVIDENCE_FACTOR}} < abs(ln(shares / before / ratio))
