-- Return the digest of the definition of each function and view of the lake that exists.
-- Grain: one row per object.
-- Parameters: {{lake}} is the schema; {{signatures}} and {{views}} are arrays of names.
-- Rules:
-- - PostgreSQL writes a definition by the settings of the session: the caller sets those that matter.
SELECT kind, name, encode(sha256(convert_to(definition, 'UTF8')), 'hex') AS definition
FROM (
    SELECT CASE p.prokind WHEN 'a' THEN 'aggregate' ELSE 'function' END AS kind, p.proname::text AS name,
           CASE p.prokind WHEN 'a' THEN a::text ELSE pg_get_functiondef(p.oid) END AS definition
    FROM unnest({{signatures}}) AS signature
    JOIN pg_proc p ON p.oid = to_regprocedure(quote_ident({{lake}}) || '.' || signature)
    LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid
    UNION ALL
    SELECT 'view', c.relname::text, concat(pg_get_viewdef(c.oid), c.reloptions)
    FROM pg_class c
    WHERE c.relnamespace = {{lake}}::regnamespace AND c.relkind = 'v' AND c.relname = ANY ({{views}})
) AS written
