-- share_count_implausible: find share counts that cannot be
-- Grain: one row per symbol, day counted and version. `expected` is the weighted average of the newest period that ended by
-- then, on the split basis of the count.
-- A count is zero, negative, or differs by a factor of thirty from an average that agrees with earnings per share.
WITH averages AS (
    SELECT symbol, fiscal_date, weighted_average_shares_outstanding AS shares, split_basis_date
    FROM income_statements
    WHERE weighted_average_shares_outstanding > 0
      AND NOT coalesce(abs(eps) >= {{MIN_CHECKED_EPS}} AND net_income <> 0
                       AND abs(ln(abs(net_income / eps) / weighted_average_shares_outstanding)) >= ln({{MAX_AVERAGE_RATIO}}), false)
    QUALIFY row_number() OVER (PARTITION BY symbol, fiscal_date ORDER BY (fiscal_period = 'FY')::INTEGER, version DESC) = 1
),
nearest AS (
    SELECT c.symbol, c.as_of_date, c.source, c.version, c.shares, a.fiscal_date, a.shares AS average,
           c.split_basis_date AS basis, a.split_basis_date AS average_basis
    FROM shares_outstanding c ASOF LEFT JOIN averages a ON a.symbol = c.symbol AND a.fiscal_date <= c.as_of_date
),
compared AS (
    SELECT n.*, n.average * coalesce(h.cumulative_split_factor, 1) / coalesce(o.cumulative_split_factor, 1) AS expected
    FROM nearest n
    LEFT JOIN split_history h ON h.symbol = n.symbol AND n.average_basis >= h.from_date AND n.average_basis < h.to_date
    LEFT JOIN split_history o ON o.symbol = n.symbol AND n.basis >= o.from_date AND n.basis < o.to_date
)
SELECT symbol, as_of_date AS date, version, shares AS value, expected, source || CASE WHEN shares > 0 THEN ', average of ' || fiscal_date
       ELSE '' END AS detail
FROM compared
WHERE shares <= 0 OR (as_of_date - fiscal_date <= {{YEAR_DAYS}} AND abs(ln(shares / expected)) >= ln({{MAX_COUNT_RATIO}}))
