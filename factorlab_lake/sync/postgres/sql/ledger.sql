-- Create the tables in which a target records its own state.
-- Grain:
-- - factorlab_lake_target: one row.
-- - factorlab_lake_ledger: one row per table, batch and snapshot of the lake to which the batch was synced.
-- - factorlab_lake_written: one row per table.
-- Parameters: none.
-- Rules:
-- - A ledger row is written in the transaction that writes the batch. Its digest is that of the batch afterwards.
-- - row_count = -1 marks a batch to which a column was added: the next sync compares its values.
-- - A table is as verified while writes = verified.
CREATE TABLE IF NOT EXISTS factorlab_lake_target (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  lake_id text,  -- NULL until the first sync
  schema_version integer NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE factorlab_lake_target IS 'The lake of these tables, and the version of their schema.';
CREATE TABLE IF NOT EXISTS factorlab_lake_ledger (
  table_name text COLLATE "C" NOT NULL,
  batch text COLLATE "C" NOT NULL,
  snapshot bigint NOT NULL,
  row_count bigint NOT NULL,
  latest text NOT NULL,
  row_hashes numeric NOT NULL,
  rows_sent bigint NOT NULL,
  rows_removed bigint NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (table_name, batch, snapshot)
);
COMMENT ON TABLE factorlab_lake_ledger IS
  'Syncs: one row per table, batch (a year, or all) and snapshot of the lake, with the digest of the batch.';
-- Counts the statements that wrote to each table, and that count when the table was last verified.
CREATE TABLE IF NOT EXISTS factorlab_lake_written (
  table_name text COLLATE "C" PRIMARY KEY,
  writes bigint NOT NULL DEFAULT 0,
  verified bigint NOT NULL DEFAULT -1,
  verified_at timestamptz
);
COMMENT ON TABLE factorlab_lake_written IS 'The number of statements that wrote to a table, and that number when it was last verified.';
