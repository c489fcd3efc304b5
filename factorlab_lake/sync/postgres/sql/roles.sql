-- Two groups of users, for an administrator to run: researchers who read, and the one who syncs.
-- Parameters: none. Members are added by GRANT factorlab_reader TO somebody. What later versions of the
-- program add to the tables needs their owner.
DO $roles$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'factorlab_reader') THEN
    CREATE ROLE factorlab_reader NOLOGIN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'factorlab_writer') THEN
    CREATE ROLE factorlab_writer NOLOGIN;
  END IF;
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO factorlab_reader, factorlab_writer', current_schema());
  EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO factorlab_reader', current_schema());
  EXECUTE format(
    'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO factorlab_writer', current_schema()
  );
  EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO factorlab_writer', current_database());
END
$roles$;
