-- Convert price_data to a hypertable if the server has TimescaleDB; otherwise do nothing.
-- Grain: chunks of five years: a question about one symbol, or about month-ends of ten years, visits few chunks.
-- A hypertable that exists keeps its interval.
-- Parameters: none.
-- Rules:
-- - Chunks that ended more than a year ago are compressed by symbol. The Apache-licensed build has no compression.
-- - The extension can be in any schema, also in one that is not in the search path.
DO $timescale$
DECLARE
  extension text;
BEGIN
  SELECT n.nspname INTO extension FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
  WHERE e.extname = 'timescaledb';
  IF extension IS NULL THEN
    RETURN;
  END IF;
  EXECUTE pg_catalog.format(
    'SELECT %I.create_hypertable(''price_data'', ''date'', chunk_time_interval => INTERVAL ''1826 days'', '
    'create_default_indexes => false, if_not_exists => true, migrate_data => true)', extension);
  IF current_setting('timescaledb.license', true) IS DISTINCT FROM 'apache' THEN
    EXECUTE 'ALTER TABLE price_data SET (timescaledb.compress, '
      'timescaledb.compress_segmentby = ''symbol'', timescaledb.compress_orderby = ''date'')';
    EXECUTE pg_catalog.format(
      'SELECT %I.add_compression_policy(''price_data'', INTERVAL ''1 year'', if_not_exists => true)', extension);
  END IF;
END
$timescale$;
