-- Return the size and the state of compression of each hypertable.
-- Grain: one row per hypertable of the current schema.
-- Parameters: {{extension}} is the schema of the extension.
-- Rules:
-- - Compressed chunks that a later correction made partial count as compressed.
-- - Only members of the owner see why a run failed.
SELECT h.hypertable_name::text AS "table",
       {{extension}}.hypertable_size(pg_catalog.format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass) AS all_bytes,
       c.chunks, c.compressed_chunks, s.last_successful_finish AS compressed_at,
       CASE WHEN s.last_run_status = 'Failed' THEN coalesce(
           (SELECT e.err_message FROM timescaledb_information.job_errors e
            WHERE e.job_id = j.job_id ORDER BY e.finish_time DESC LIMIT 1),
           'the last run failed') END AS compression_error
FROM timescaledb_information.hypertables h
CROSS JOIN LATERAL (
    SELECT count(*) AS chunks, count(*) FILTER (WHERE k.is_compressed) AS compressed_chunks
    FROM timescaledb_information.chunks k
    WHERE k.hypertable_schema = h.hypertable_schema AND k.hypertable_name = h.hypertable_name) c
LEFT JOIN timescaledb_information.jobs j
  ON j.hypertable_schema = h.hypertable_schema AND j.hypertable_name = h.hypertable_name
     AND j.proc_name = 'policy_compression'
LEFT JOIN timescaledb_information.job_stats s ON s.job_id = j.job_id
WHERE h.hypertable_schema = current_schema()
