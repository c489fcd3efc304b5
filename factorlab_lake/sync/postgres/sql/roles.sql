-- Create the roles of readers and of the user who syncs; an administrator runs this.
-- Parameters: none.
-- Rules:
-- - GRANT factorlab_reader TO a_user adds a member.
-- - Readers get the tables and views that the owner of the tables creates later too; a sync creates those of later versions.
-- - A writer has rights on the tables that exist now. Columns and tables of later versions need their owner.
-- - Only the owner may create objects in the schema. Another user's function could have the name of one of the lake's
--   functions; it would run with the rights of its caller. PostgreSQL 14 lets every user create functions in public.
DO $roles$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'factorlab_reader') THEN
    CREATE ROLE factorlab_reader NOLOGIN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'factorlab_writer') THEN
    CREATE ROLE factorlab_writer NOLOGIN;
  END IF;
  EXECUTE pg_catalog.format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema());
  EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA %I TO factorlab_reader, factorlab_writer', current_schema());
  EXECUTE pg_catalog.format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO factorlab_reader', current_schema());
  EXECUTE pg_catalog.format(
    'ALTER DEFAULT PRIVILEGES FOR ROLE %s IN SCHEMA %I GRANT SELECT ON TABLES TO factorlab_reader',
    (SELECT relowner::regrole FROM pg_class WHERE oid = 'factorlab_lake_target'::regclass), current_schema()
  );
  EXECUTE pg_catalog.format(
    'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO factorlab_writer', current_schema()
  );
  EXECUTE pg_catalog.format('REVOKE INSERT, UPDATE, DELETE ON %I.factorlab_lake_installed FROM factorlab_writer', current_schema());
  EXECUTE pg_catalog.format('GRANT TEMPORARY ON DATABASE %I TO factorlab_writer', current_database());
END
$roles$;
