-- Return the objects of other programs that a query could use instead of the lake's, or of the server's own.
-- Grain: one row per object, with the statement that removes it; a fault has the name of an object of the lake.
-- Parameters: %(signatures)s and %(functions)s: the lake's functions, with and without their argument types;
-- %(called)s: the other functions that these call; %(relations)s: the lake's tables and views.
-- Rules:
-- - The functions of the lake use none of these, but those in pg_catalog and casts: they were installed with pg_catalog as the
--   only schema of the search path. So a function or operator that could only replace one of PostgreSQL's is no fault.
-- - Objects of an extension do not count. Neither do those of the server itself, whose numbers are below 16384.
WITH here AS (
    SELECT current_schema()::regnamespace::oid AS lake, 'pg_catalog'::regnamespace::oid AS catalog
),
own AS (
    SELECT to_regprocedure(pg_catalog.format('%%I.%%s', current_schema(), signature))::oid AS oid
    FROM pg_catalog.unnest(%(signatures)s::text[]) AS signature
),
added AS (
    SELECT p.proname::text AS name, p.pronamespace AS place, p.prokind, p.pronargs,
           pg_catalog.format('%%I.%%I(%%s)', p.pronamespace::regnamespace::text, p.proname,
                  pg_get_function_identity_arguments(p.oid)) AS call
    FROM pg_proc p
    WHERE p.oid >= 16384 AND NOT EXISTS (SELECT FROM own WHERE own.oid = p.oid)
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                      AND d.deptype = 'e')
)
SELECT name, pg_catalog.format('another %%s has this name', lower(kind)) AS what, pg_catalog.format('DROP %%s %%s', kind, call) AS remedy, true AS is_fault
FROM added, here, LATERAL (SELECT CASE prokind WHEN 'a' THEN 'AGGREGATE' WHEN 'p' THEN 'PROCEDURE'
                                  ELSE 'FUNCTION' END AS kind) AS kinds
WHERE place IN (lake, catalog) AND name = ANY (%(functions)s)
UNION ALL
SELECT name, 'queries can get this function instead of PostgreSQL''s, except those of the lake''s functions',
       pg_catalog.format('DROP FUNCTION %%s', call), false
FROM added, here
WHERE place = lake AND name = ANY (%(called)s) AND EXISTS (
    SELECT FROM pg_proc b WHERE b.pronamespace = catalog AND b.proname = name AND b.pronargs = added.pronargs)
UNION ALL
SELECT c.relname::text, 'another object of pg_catalog has this name', pg_catalog.format('DROP %%s pg_catalog.%%I',
       CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, c.relname), true
FROM pg_class c, here
WHERE c.relnamespace = catalog AND c.oid >= 16384 AND c.relname = ANY (%(relations)s)
UNION ALL
SELECT o.oprname::text, 'queries can get this operator instead of PostgreSQL''s' ||
       CASE o.oprnamespace WHEN lake THEN ', except those of the lake''s functions' ELSE '' END,
       pg_catalog.format('DROP OPERATOR %%s', o.oid::regoperator), o.oprnamespace = catalog
FROM pg_operator o, here
WHERE o.oid >= 16384 AND o.oprnamespace IN (lake, catalog)
  AND EXISTS (SELECT FROM pg_operator b WHERE b.oprnamespace = catalog AND b.oprname = o.oprname AND b.oid < 16384)
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_operator'::regclass AND d.objid = o.oid
                  AND d.deptype = 'e')
UNION ALL
SELECT pg_catalog.format('%%s AS %%s', castsource::regtype, casttarget::regtype), 'an implicit cast was added',
       pg_catalog.format('DROP CAST (%%s AS %%s)', castsource::regtype, casttarget::regtype), true
FROM pg_cast k
WHERE k.oid >= 16384 AND castcontext = 'i' AND castsource < 16384 AND casttarget < 16384
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_cast'::regclass AND d.objid = k.oid
                  AND d.deptype = 'e')
ORDER BY 1, 3
