intervals AS (
    SELECT symbol, valid_from, valid_to, company_id, statement_provider, {{fundamentals_columns}}
    FROM fundamentals_history
    WHERE symbol IN (SELECT symbol FROM requested) AND bucket IN ({{buckets_of_fundamentals_history}})
      AND (of_vintage = {{vintage}} OR NOT restated)
)
