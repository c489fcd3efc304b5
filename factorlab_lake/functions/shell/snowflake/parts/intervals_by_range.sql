intervals AS (
    SELECT r.date AS of_date, h.*
    FROM requested AS r
    JOIN fundamentals_history AS h ON h.symbol = r.symbol AND h.valid_from <= r.date AND h.valid_to > r.date
    WHERE h.of_vintage = {{arg_vintage}} OR NOT h.restated
)
