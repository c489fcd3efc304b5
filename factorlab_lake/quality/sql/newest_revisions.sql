-- newest_revisions: the values superseded last
-- Parameter: $most rows. Grain: one row per table, key and column.
SELECT recorded_at, table_name, symbol, date, fiscal_period, column_name, old, new, kind
FROM revisions
ORDER BY recorded_at DESC, table_name, symbol, date DESC, column_name
LIMIT $most
