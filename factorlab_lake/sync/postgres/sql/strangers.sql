-- Return the objects of other programs that a query could use instead of the lake's, or of the server's own.
-- Grain: one row per object, with the statement that removes it.
-- Parameters: %(signatures)s and %(functions)s: the lake's functions, with and without their argument types;
-- %(called)s: the other functions that these call; %(relations)s: the lake's tables and views.
-- Rules:
-- - Objects of an extension do not count. Neither do those of the server itself, whose numbers are below 16384.
WITH here AS (
    SELECT current_schema()::regnamespace::oid AS lake, 'pg_catalog'::regnamespace::oid AS catalog
),
own AS (
    SELECT to_regprocedure(format('%%I.%%s', current_schema(), signature))::oid AS oid
    FROM unnest(%(signatures)s::text[]) AS signature
),
added AS (
    SELECT p.proname::text AS name, p.pronamespace AS place, p.prokind, p.pronargs,
           format('%%I.%%I(%%s)', p.pronamespace::regnamespace::text, p.proname,
                  pg_get_function_identity_arguments(p.oid)) AS call
    FROM pg_proc p
    WHERE p.oid >= 16384 AND NOT EXISTS (SELECT FROM own WHERE own.oid = p.oid)
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                      AND d.deptype = 'e')
)
SELECT name, format('another %%s has this name', lower(kind)) AS what, format('DROP %%s %%s', kind, call) AS remedy
FROM added, here, LATERAL (SELECT CASE prokind WHEN 'a' THEN 'AGGREGATE' WHEN 'p' THEN 'PROCEDURE'
                                  ELSE 'FUNCTION' END AS kind) AS kinds
WHERE place IN (lake, catalog) AND name = ANY (%(functions)s)
UNION ALL
SELECT name, 'a function of this name replaces PostgreSQL''s for some types', format('DROP FUNCTION %%s', call)
FROM added, here
WHERE place = lake AND name = ANY (%(called)s) AND EXISTS (
    SELECT FROM pg_proc b WHERE b.pronamespace = catalog AND b.proname = name AND b.pronargs = added.pronargs)
UNION ALL
SELECT c.relname::text, 'another object of pg_catalog has this name', format('DROP %%s pg_catalog.%%I',
       CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, c.relname)
FROM pg_class c, here
WHERE c.relnamespace = catalog AND c.oid >= 16384 AND c.relname = ANY (%(relations)s)
UNION ALL
SELECT o.oprname::text, 'an operator of this name replaces PostgreSQL''s for some types',
       format('DROP OPERATOR %%s', o.oid::regoperator)
FROM pg_operator o, here
WHERE o.oid >= 16384 AND o.oprnamespace IN (lake, catalog)
  AND EXISTS (SELECT FROM pg_operator b WHERE b.oprnamespace = catalog AND b.oprname = o.oprname AND b.oid < 16384)
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_operator'::regclass AND d.objid = o.oid
                  AND d.deptype = 'e')
UNION ALL
SELECT format('%%s AS %%s', castsource::regtype, casttarget::regtype), 'an implicit cast was added',
       format('DROP CAST (%%s AS %%s)', castsource::regtype, casttarget::regtype)
FROM pg_cast k
WHERE k.oid >= 16384 AND castcontext = 'i' AND castsource < 16384 AND casttarget < 16384
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_cast'::regclass AND d.objid = k.oid
                  AND d.deptype = 'e')
ORDER BY 1, 3
