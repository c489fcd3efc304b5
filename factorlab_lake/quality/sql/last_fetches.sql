-- last_fetches: find the newest successful fetch of each table
-- Grain: one row per symbol, table and period (annual, or any other).
SELECT symbol, data_type AS table_name, period = 'annual' AS annual, max(fetch_date) AS fetched_at
FROM data_fetch_log
WHERE success AND symbol <> ''
GROUP BY ALL
