-- stored_dates: find the oldest and newest date of each dataset
-- Grain: one row per symbol, dataset and period (quarterly, annual or NULL).
-- `row_fetched_at` is the fetch time of the newest row.
WITH statements AS (
    {{statement_dates}}
)
SELECT symbol, 'price' AS dataset, NULL AS period, min(date) AS first_date, max(date) AS last_date,
       max(fetched_at) AS row_fetched_at
FROM price_data GROUP BY symbol
UNION ALL
SELECT symbol, dataset, CASE WHEN fiscal_period = 'FY' THEN 'annual' ELSE 'quarterly' END AS kind,
       min(fiscal_date), max(fiscal_date), max(fetched_at)
FROM statements GROUP BY symbol, dataset, kind
UNION ALL
SELECT symbol, 'split', NULL, min(date), max(date), max(fetched_at) FROM splits GROUP BY symbol
UNION ALL
SELECT symbol, 'dividend', NULL, min(date), max(date), max(fetched_at) FROM dividends GROUP BY symbol
UNION ALL
SELECT symbol, 'profile', NULL, NULL, NULL, max(fetched_at) FROM company_profiles GROUP BY symbol
