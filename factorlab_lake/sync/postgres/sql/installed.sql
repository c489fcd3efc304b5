-- Create the table that records the functions, views and trigger functions as a sync installed them.
-- Grain: one row per object.
-- Parameters: none.
-- Rules:
-- - definition is the digest of what PostgreSQL writes for the object. Another version of the server, or another name of
--   the schema, writes another text: a record is only compared where both are as recorded.
-- - Only the owner writes here. Only the owner can replace an object, too.
CREATE TABLE IF NOT EXISTS factorlab_lake_installed (
  kind text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  definition text NOT NULL,
  server_version text NOT NULL,
  schema_name text NOT NULL,
  PRIMARY KEY (kind, name)
);
COMMENT ON TABLE factorlab_lake_installed IS 'The functions and views as a sync installed them.';
GRANT SELECT ON factorlab_lake_installed TO PUBLIC;
