-- Without the year in the join, every date is compared with every interval of its symbol.
intervals AS (
    SELECT {{fundamentals_columns}}, unnest(range(year(greatest(valid_from, {{first_date}})), year(least(valid_to, {{last_date}})) + 1)) AS in_year
    FROM fundamentals_history
    WHERE {{requested_in_fundamentals_history}} AND (of_vintage = checked_vintage({{vintage}}) OR NOT restated)
)
