-- Convert price_data to a hypertable if the server has TimescaleDB; otherwise do nothing.
-- Grain: chunks of one year.
-- Parameters: none.
-- Rules:
-- - Chunks older than a year are compressed by symbol. The Apache-licensed build has no compression.
DO $timescale$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
    RETURN;
  END IF;
  PERFORM create_hypertable(
    'price_data', 'date', chunk_time_interval => INTERVAL '1 year',
    create_default_indexes => false, if_not_exists => true, migrate_data => true
  );
  IF current_setting('timescaledb.license', true) IS DISTINCT FROM 'apache' THEN
    EXECUTE 'ALTER TABLE price_data SET (timescaledb.compress, '
      'timescaledb.compress_segmentby = ''symbol'', timescaledb.compress_orderby = ''date'')';
    PERFORM add_compression_policy('price_data', INTERVAL '1 year', if_not_exists => true);
  END IF;
END
$timescale$;
