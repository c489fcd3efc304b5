-- Without the year in the join, every date is compared with every interval of its symbol.
intervals AS (
    SELECT *, unnest(range(year(greatest(valid_from, (SELECT min(date) FROM requested))),
                           year(least(valid_to, (SELECT max(date) FROM requested))) + 1)) AS in_year
    FROM fundamentals_history
    WHERE (of_vintage = checked_vintage({{vintage}}) OR NOT restated) AND symbol IN (SELECT symbol FROM requested)
)
