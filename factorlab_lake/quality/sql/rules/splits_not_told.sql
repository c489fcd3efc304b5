-- splits_not_told: find symbols whose splits no list covers, although prices and share counts are on different split bases
-- Grain: one row per symbol. `date` is the last day that a list covers, `value` the days between the first and the last basis.
-- Market caps then assume that no split lies between the bases.
WITH bases AS (
    SELECT symbol, min(split_basis_date) AS first_basis, max(split_basis_date) AS last_basis FROM price_data GROUP BY symbol
    UNION ALL
    SELECT symbol, min(split_basis_date), max(split_basis_date) FROM share_count_history WHERE shares IS NOT NULL GROUP BY symbol
)
SELECT b.symbol, any_value(l.told_to) AS date, max(b.last_basis) - min(b.first_basis) AS value,
       coalesce('splits are known until ' || any_value(l.told_to), 'no list of splits') AS detail
FROM bases b LEFT JOIN split_lists l ON l.symbol = b.symbol
GROUP BY b.symbol
HAVING count(*) = 2 AND max(b.last_basis) > min(b.first_basis) AND coalesce(any_value(l.told_to) < max(b.last_basis), true)
