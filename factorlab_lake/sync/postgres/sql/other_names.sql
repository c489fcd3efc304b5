-- Add the other names of columns to a table, as columns that are generated from these.
-- Parameters: the first version that need not store a generated column, the table, and the ALTER TABLE statement as a format.
-- Rules:
-- - Older servers can only store a generated column.
-- - TimescaleDB adds none to a hypertable that it compresses: one of an earlier version stays without them.
DO $add$
DECLARE
  kind text := CASE WHEN current_setting('server_version_num')::integer < {{virtual_since}} THEN 'STORED' ELSE 'VIRTUAL' END;
BEGIN
  PERFORM FROM pg_attribute WHERE attrelid = {{table}}::regclass AND attgenerated <> '';
  IF NOT FOUND THEN
    EXECUTE pg_catalog.format({{change}}, kind);
  END IF;
EXCEPTION WHEN feature_not_supported THEN
  RAISE WARNING 'No generated column was added to %: %', {{table}}, SQLERRM;
END
$add$;
