-- contradictory_records: find responses with several records of one key that contradict each other
-- Grain: one row per symbol and dataset. `value` is the number of records that were not stored.
SELECT data_type AS table_name, symbol, NULL::DATE AS date, count(*) AS value, min(reason) AS detail
FROM rejected_records
WHERE reason LIKE '%contradiction: %'
GROUP BY data_type, symbol
