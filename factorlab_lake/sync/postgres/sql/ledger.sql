-- What a target knows of itself.
-- Parameters: none. Grain: factorlab_lake_target one row; factorlab_lake_ledger one row per table, batch and
-- snapshot of the lake it was brought to, written in the transaction that brought it there;
-- factorlab_lake_written one row per table.
CREATE TABLE IF NOT EXISTS factorlab_lake_target (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  lake_id text,  -- NULL until the first sync
  schema_version integer NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE factorlab_lake_target IS 'Which lake these tables are of, and the version of their schema.';
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
  'What was sent: one row per table, batch (a year, or all) and snapshot of the lake, with the digest it then had.';
-- How many statements wrote to each table, whoever's they were, and how many had when all of it was last found to
-- be as in the ledger: while both are equal, what was verified then still is.
CREATE TABLE IF NOT EXISTS factorlab_lake_written (
  table_name text COLLATE "C" PRIMARY KEY,
  writes bigint NOT NULL DEFAULT 0,
  verified bigint NOT NULL DEFAULT -1,
  verified_at timestamptz
);
COMMENT ON TABLE factorlab_lake_written IS 'Statements that wrote to a table, and of how many all was verified.';
-- Runs with the rights of its owner, so that whoever may write to a table leaves a trace of it.
CREATE OR REPLACE FUNCTION factorlab_lake_wrote() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $wrote$
BEGIN
  EXECUTE format('UPDATE %I.factorlab_lake_written SET writes = writes + 1 WHERE table_name = $1', TG_TABLE_SCHEMA)
    USING TG_TABLE_NAME;
  RETURN NULL;
END
$wrote$;
-- A row that is changed by other means than a sync loses its digest; a sync always brings another one.
CREATE OR REPLACE FUNCTION factorlab_lake_edited() RETURNS trigger LANGUAGE plpgsql AS $edited$
BEGIN
  NEW.row_hash := NULL;
  RETURN NEW;
END
$edited$;
