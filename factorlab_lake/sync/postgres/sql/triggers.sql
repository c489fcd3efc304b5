-- Create the functions of the triggers that detect changes by other programs.
-- Parameters: none.
-- Rules:
-- - The functions run with the rights of the user who writes, never with those of their owner. Every user may create a
--   temporary table; with SECURITY DEFINER, a trigger on it would run the user's code with the owner's rights.
-- - Only the owner may create triggers with them. A trigger that exists needs no right on its function.
-- - The search path is fixed, so no temporary table and no other schema can replace a name.
-- - A user who may write to a table may also add to its count in factorlab_lake_written.
CREATE OR REPLACE FUNCTION factorlab_lake_wrote() RETURNS trigger LANGUAGE plpgsql
SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $wrote$
BEGIN
  EXECUTE format('UPDATE %I.factorlab_lake_written SET writes = writes + 1 WHERE table_name = $1', TG_TABLE_SCHEMA)
    USING TG_TABLE_NAME;
  RETURN NULL;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE insufficient_privilege USING
    MESSAGE = format('%s may not count its writes in factorlab_lake_written', current_user),
    HINT = format('GRANT SELECT (table_name, writes), UPDATE (writes) ON %I.factorlab_lake_written TO %I;',
                  TG_TABLE_SCHEMA, current_user);
END
$wrote$;
-- A row that another program changes loses its hash. A sync always writes another hash, so its rows keep theirs.
CREATE OR REPLACE FUNCTION factorlab_lake_edited() RETURNS trigger LANGUAGE plpgsql
SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $edited$
BEGIN
  NEW.row_hash := NULL;
  RETURN NEW;
END
$edited$;
REVOKE ALL ON FUNCTION factorlab_lake_wrote(), factorlab_lake_edited() FROM PUBLIC;
-- Every user who has rights to write to a table of the lake.
DO $writers$
DECLARE
  writer text;
BEGIN
  FOR writer IN
    SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
    FROM pg_trigger t
    JOIN pg_class c ON c.oid = t.tgrelid
    CROSS JOIN LATERAL (
      SELECT c.relacl AS acl UNION ALL SELECT attacl FROM pg_attribute WHERE attrelid = c.oid) AS granted
    CROSS JOIN LATERAL aclexplode(granted.acl) AS a
    WHERE t.tgname = 'factorlab_lake_wrote' AND c.relnamespace = current_schema()::regnamespace
      AND a.grantee <> c.relowner AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
  LOOP
    EXECUTE pg_catalog.format(
      'GRANT SELECT (table_name, writes), UPDATE (writes) ON %I.factorlab_lake_written TO %s', current_schema(), writer);
  END LOOP;
END
$writers$;
