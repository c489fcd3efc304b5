-- Create the tables in which a target records its own state, and the stage of its files.
-- Grain:
-- - factorlab_lake_target: one row. It can be more if two programs created it at once; both then have the same lake.
-- - factorlab_lake_ledger: one row per sync of a batch. The newest line of a batch is the one with the highest number.
-- - factorlab_lake_locks: one row per table; it can be more, as of the target. A transaction that writes to a table updates them first.
-- - factorlab_lake_installed: one row per view and function, with the digest of the text that the account shows.
-- Parameters: none.
-- Rules:
-- - A ledger row is written in the transaction that writes the batch. Its digest is that of the batch afterwards.
-- - factorlab_lake_target is the last: a schema that has it has the others, also after a sync that was killed here.
-- - row_count = -1 marks a batch to which a column was added: the next sync compares its values.
CREATE TABLE IF NOT EXISTS factorlab_lake_ledger (
  line INTEGER NOT NULL, table_name VARCHAR NOT NULL, batch VARCHAR NOT NULL, snapshot INTEGER NOT NULL,
  snapshot_digest VARCHAR, row_count INTEGER NOT NULL, latest VARCHAR NOT NULL, row_hashes VARCHAR NOT NULL,
  rows_sent INTEGER NOT NULL, rows_removed INTEGER NOT NULL, recorded_at TIMESTAMP_LTZ NOT NULL
) COMMENT = 'Syncs: one row per table, batch (a year, or all) and sync, with the digest of the batch.';
CREATE TABLE IF NOT EXISTS factorlab_lake_locks (
  table_name VARCHAR NOT NULL, holder VARCHAR, taken_at TIMESTAMP_LTZ
) COMMENT = 'A sync updates the row of a table before it writes there, so that two syncs wait for each other.';
CREATE TABLE IF NOT EXISTS factorlab_lake_installed (
  kind VARCHAR NOT NULL, name VARCHAR NOT NULL, definition VARCHAR
) COMMENT = 'Views and functions as a sync created them, which a verification compares.';
CREATE STAGE IF NOT EXISTS factorlab_lake_files COMMENT = 'The files of a batch until they are loaded.';
CREATE TABLE IF NOT EXISTS factorlab_lake_target (
  lake_id VARCHAR, schema_version INTEGER NOT NULL, program_version VARCHAR, availability_lag_days INTEGER,
  functions_digest VARCHAR
) COMMENT = 'The lake of these tables, and the version of their schema.';
