-- Record the definitions of the functions and views, which were created before in the same transaction.
-- Parameters: {{definitions}} is the query of that name; {{settings}} sets what decides the text of a definition.
-- Rules:
-- - The search path is restored for the statements that follow; the other settings end with the transaction.
DO $record$
DECLARE
  lake text := current_schema();
  path text := current_setting('search_path');
  written record;
BEGIN
  {{settings}}
  EXECUTE format('DELETE FROM %I.factorlab_lake_installed', lake);
  FOR written IN
    {{definitions}}
  LOOP
    EXECUTE format('INSERT INTO %I.factorlab_lake_installed VALUES ($1, $2, $3, $4, $5)', lake)
    USING written.kind, written.name, written.definition, current_setting('server_version'), lake;
  END LOOP;
  PERFORM set_config('search_path', path, true);
END
$record$;
