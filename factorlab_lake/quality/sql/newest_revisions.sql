-- newest_revisions: list the values that were superseded last
-- Parameter: $most, the number of rows. Grain: one row per table, key and column.
SELECT recorded_at, table_name, symbol, date, fiscal_period, column_name, old, new, kind
FROM revisions
ORDER BY recorded_at DESC, table_name, symbol, date DESC, column_name
LIMIT $most
