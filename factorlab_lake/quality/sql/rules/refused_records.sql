-- refused_records: count the records that a response had and the lake refused
-- Grain: one row per symbol and dataset. `value` is their number, `detail` the most frequent reason.
SELECT data_type AS table_name, symbol, NULL::DATE AS date, count(*) AS value, mode(reason ORDER BY reason) AS detail
FROM rejected_records
WHERE reason NOT LIKE '%contradiction: %'
GROUP BY data_type, symbol
