intervals AS (
    SELECT r.date AS of_date, h.*
    FROM requested AS r
    ASOF JOIN (
        SELECT * FROM fundamentals_history WHERE of_vintage = {{arg_vintage}} OR NOT restated
    ) AS h MATCH_CONDITION (r.date >= h.valid_from) ON r.symbol = h.symbol
    WHERE h.valid_to > r.date
)
