-- Grant the users of income_statements the same rights on tables that a later version added.
-- Parameters: none.
-- Rules:
-- - The functions run with the rights of their caller. Without these grants, an upgrade to functions that read a new table
--   would take them away from the users who may read the other tables.
DO $rights$
DECLARE
  granted record;
BEGIN
  FOR granted IN
    SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee, a.privilege_type
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = 'income_statements'
      AND a.grantee <> c.relowner AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
  LOOP
    EXECUTE pg_catalog.format('GRANT %s ON {{new_tables}} TO %s', granted.privilege_type, granted.grantee);
  END LOOP;
END
$rights$;
