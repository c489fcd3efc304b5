-- A symbol without restated statements has only rows of the vintage 'known'.
fundamentals_vintages AS MATERIALIZED (
    SELECT s.symbol,
           CASE WHEN EXISTS (SELECT FROM fundamentals_history h WHERE h.symbol = s.symbol AND h.of_vintage = checked_vintage({{vintage}}))
                THEN {{vintage}} ELSE 'known' END AS vintage
    FROM (SELECT DISTINCT symbol FROM requested) s
)
