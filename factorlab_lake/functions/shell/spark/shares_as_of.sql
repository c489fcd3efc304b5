WITH {{grid}},
counts AS (
    SELECT * FROM share_count_history
    WHERE symbol IN (SELECT symbol FROM requested) AND bucket IN ({{buckets_of_share_count_history}})
      AND (of_vintage = {{vintage}} OR NOT restated)
)
SELECT r.symbol, r.date, c.shares AS shares_outstanding, c.source AS shares_source,
       c.fiscal_date AS shares_fiscal_date, c.available_date AS shares_available_date,
       c.split_basis_date, datediff(r.date, c.fiscal_date) AS shares_age_days, c.reason
FROM requested r JOIN counts c ON c.symbol = r.symbol AND r.date >= c.valid_from AND r.date < c.valid_to
