-- share_count_validity: return when each share count is valid, for each vintage
-- Grain: one row per vintage (see checked_vintage), symbol and count that is ever used, with the interval [valid_from,
-- valid_to). A symbol without a restated count has only rows of the vintage 'known', because all three agree.
-- Point in time: no count before its available_date in 'known' and 'first'; 'latest' uses hindsight.
-- Rules:
-- - Select with of_vintage = 'first' OR NOT restated, and so on.
-- - A count is valid until a better one (see share_counts.rank) becomes available.
-- - cumulative_split_factor is that of split_factors on the count's split basis.
CREATE OR REPLACE VIEW share_count_validity AS
WITH restated_symbols AS (SELECT DISTINCT symbol FROM share_counts WHERE version > 1),
versions AS (
    SELECT *, version = min(version) OVER of_period AS is_first, rank = max(rank) OVER of_period AS is_last,
           min(available_date) OVER of_period AS first_available
    FROM share_counts SEMI JOIN restated_symbols USING (symbol)
    WINDOW of_period AS (PARTITION BY symbol, fiscal_date, source, period)
),
usable AS (
    SELECT *, 'known' AS of_vintage, false AS restated, available_date AS valid_from
    FROM share_counts ANTI JOIN restated_symbols USING (symbol)
    UNION ALL BY NAME
    SELECT * EXCLUDE (is_first, is_last, first_available), unnest(['known', 'first', 'latest']) AS of_vintage,
           true AS restated,
           CASE of_vintage WHEN 'known' THEN available_date
                           WHEN 'first' THEN CASE WHEN is_first THEN available_date END
                           WHEN 'latest' THEN CASE WHEN is_last THEN first_available END END AS valid_from
    FROM versions
),
current_counts AS (
    SELECT *, lead(valid_from) OVER (PARTITION BY of_vintage, symbol ORDER BY valid_from) AS next_from
    FROM (FROM usable WHERE valid_from IS NOT NULL
          QUALIFY rank = max(rank) OVER (PARTITION BY of_vintage, symbol ORDER BY valid_from))
)
SELECT s.of_vintage, s.restated, s.symbol, s.shares, s.source, s.fiscal_date, s.available_date, s.valid_from,
       coalesce(s.next_from, {{END_OF_TIME}}) AS valid_to, s.split_basis_date, coalesce(l.cumulative_split_factor, 1) AS cumulative_split_factor,
       s.period_days
FROM current_counts s
LEFT JOIN split_factors l ON l.symbol = s.symbol AND s.split_basis_date >= l.from_date AND s.split_basis_date < l.to_date;
