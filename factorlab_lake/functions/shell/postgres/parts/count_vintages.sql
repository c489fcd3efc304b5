-- A symbol without restated counts has only rows of the vintage 'known'.
count_vintages AS MATERIALIZED (
    SELECT s.symbol,
           CASE WHEN EXISTS (SELECT FROM share_count_history h WHERE h.symbol = s.symbol AND h.of_vintage = checked_vintage({{vintage}}))
                THEN {{vintage}} ELSE 'known' END AS vintage
    FROM (SELECT DISTINCT symbol FROM requested) s
)
