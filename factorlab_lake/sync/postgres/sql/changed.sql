-- Return what differs on a server from what a sync creates there, rows aside.
-- Grain: one row per object and difference; repair is how `sync --repair` reverts it, remedy is a statement.
-- Parameters: %(lake)s is the schema and {{place}} its quoted name; %(version)s is that of the server; {{definitions}} is the
-- query of that name; %(tables)s are the lake's tables; %(triggers)s and %(kinds)s are the names and types of the triggers
-- that each has; %(of_index)s, %(indexes)s and %(created)s are the indexes with the statements that create them;
-- %(of_column)s, %(columns)s and %(defaults)s are the columns with their default values.
-- Rules:
-- - An AFTER trigger cannot change the row that a sync sends, and a missing index changes no answer: both are warnings.
-- - PostgreSQL does not record that a function uses one of the server itself.
-- - Triggers of an extension do not count.
-- - An owner is as expected if it is a superuser, or if the owner of factorlab_lake_target is a member of it.
WITH lake AS (
    SELECT n.oid, n.nspacl, t.relowner AS owner
    FROM pg_namespace n JOIN pg_class t ON t.relnamespace = n.oid AND t.relname = 'factorlab_lake_target'
    WHERE n.nspname = %(lake)s
),
tables AS MATERIALIZED (
    SELECT c.oid, c.relname::text AS name, c.oid::regclass::text AS place, c.relrowsecurity AS hides_rows
    FROM pg_class c JOIN lake ON c.relnamespace = lake.oid
    WHERE c.relname = ANY (%(tables)s) AND c.relkind = 'r'
),
definitions AS MATERIALIZED (
    {{definitions}}
),
own AS MATERIALIZED (
    SELECT p.oid, p.proname::text AS name, p.prosecdef AS has_owners_rights
    FROM unnest(%(signatures)s::text[]) AS signature
    JOIN pg_proc p ON p.oid = to_regprocedure(format('%%I.%%s', %(lake)s::text, signature))
),
recorded AS MATERIALIZED (
    SELECT kind, name, definition FROM {{place}}.factorlab_lake_installed
    WHERE server_version = %(version)s AND schema_name = %(lake)s
),
changed AS (
    SELECT r.name, CASE WHEN d.name IS NULL THEN 'it is missing' ELSE 'its definition was replaced' END AS what,
           NULL AS remedy, 'functions' AS repair, true AS is_fault
    FROM recorded r LEFT JOIN definitions d USING (kind, name)
    WHERE d.definition IS DISTINCT FROM r.definition
    UNION ALL
    SELECT o.name, 'it runs with the rights of its owner', NULL, 'functions', true
    FROM own o
    WHERE o.has_owners_rights AND NOT EXISTS (SELECT FROM recorded r WHERE r.name = o.name)
    UNION ALL
    SELECT u.name, format('it uses %%s of another program', pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)),
           NULL, 'functions', true
    FROM (SELECT 'pg_proc'::regclass AS class, o.oid, o.name FROM own o
          UNION ALL
          SELECT 'pg_rewrite'::regclass, r.oid, c.relname::text
          FROM pg_class c JOIN lake ON c.relnamespace = lake.oid JOIN pg_rewrite r ON r.ev_class = c.oid
          WHERE c.relname = ANY (%(views)s::text[])) u
    JOIN pg_depend d ON d.classid = u.class AND d.objid = u.oid
    WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass) AND NOT EXISTS (SELECT FROM own o WHERE o.oid = d.refobjid)
    UNION ALL
    SELECT format('%%s.%%s', t.name, e.trigger), 'this trigger of the lake is missing, disabled or changed', NULL, t.name, true
    FROM tables t CROSS JOIN unnest(%(triggers)s::text[], %(kinds)s::integer[]) AS e (trigger, kind)
    LEFT JOIN pg_trigger g
      ON g.tgrelid = t.oid AND g.tgname = e.trigger AND g.tgtype = e.kind AND g.tgenabled IN ('O', 'A') AND g.tgattr::text = ''
     AND (g.tgqual IS NULL) = (e.trigger = 'factorlab_lake_wrote')
     AND g.tgfoid = to_regprocedure(format('%%I.%%I()', %(lake)s::text, e.trigger))
    WHERE g.oid IS NULL
    UNION ALL
    SELECT format('%%s.%%s', t.name, g.tgname), 'a trigger was added' || CASE WHEN g.tgtype & 2 = 2 THEN ', which can change the rows of a sync' ELSE '' END,
           format('DROP TRIGGER %%I ON %%s', g.tgname, t.place), NULL, g.tgtype & 2 = 2
    FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid
    WHERE NOT g.tgisinternal AND g.tgname <> ALL (%(triggers)s::text[]) AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = g.tgfoid AND d.deptype = 'e')
    UNION ALL
    SELECT format('%%s.%%s', t.name, r.rulename), 'a rule was added', format('DROP RULE %%I ON %%s', r.rulename, t.place), NULL, true
    FROM tables t JOIN pg_rewrite r ON r.ev_class = t.oid
    UNION ALL
    SELECT t.name, 'row security can hide rows from readers', format('ALTER TABLE %%s DISABLE ROW LEVEL SECURITY', t.place), NULL, true
    FROM tables t WHERE t.hides_rows
    UNION ALL
    SELECT format('%%s.%%s', t.name, a.attname), format('its default value is %%s, and not %%s', coalesce(c.actual, 'NULL'), coalesce(e.value, 'NULL')),
           format('ALTER TABLE %%s ALTER COLUMN %%I %%s', t.place, a.attname, coalesce('SET DEFAULT ' || e.value, 'DROP DEFAULT')),
           'statement', true
    FROM unnest(%(of_column)s::text[], %(columns)s::text[], %(defaults)s::text[]) AS e (name, attname, value)
    JOIN tables t USING (name)
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = e.attname AND NOT a.attisdropped
    LEFT JOIN pg_attrdef f ON f.adrelid = t.oid AND f.adnum = a.attnum
    CROSS JOIN LATERAL (SELECT pg_get_expr(f.adbin, f.adrelid) AS actual) c
    WHERE c.actual IS DISTINCT FROM e.value
    UNION ALL
    SELECT e.index, format('this index of %%s is missing', t.name), e.statement, NULL, false
    FROM unnest(%(of_index)s::text[], %(indexes)s::text[], %(created)s::text[]) AS e (name, index, statement)
    JOIN tables t USING (name)
    WHERE NOT EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                      WHERE i.indrelid = t.oid AND c.relname = e.index AND i.indisvalid)
    UNION ALL
    SELECT c.relname::text, format('it belongs to %%s, who can change it', c.relowner::regrole),
           format('ALTER %%s %%s OWNER TO %%s', CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::regclass, lake.owner::regrole), NULL, true
    FROM pg_class c JOIN lake ON c.relnamespace = lake.oid JOIN pg_roles r ON r.oid = c.relowner
    WHERE c.relname = ANY (%(tables)s::text[] || %(views)s::text[]) AND NOT r.rolsuper
      AND NOT pg_has_role(lake.owner, c.relowner, 'USAGE')
    UNION ALL
    SELECT t.name, format('every user of the database may %%s', string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type)),
           format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER ON %%s FROM PUBLIC', t.place), NULL, true
    FROM tables t JOIN pg_class c USING (oid) CROSS JOIN LATERAL aclexplode(c.relacl) AS a
    WHERE a.grantee = 0 AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
    GROUP BY t.name, t.place
    UNION ALL
    SELECT r.rolname::text, format('this role may create triggers on %%s, which run with the rights of who syncs', min(t.name)),
           format('REVOKE TRIGGER ON ALL TABLES IN SCHEMA %%I FROM %%I', %(lake)s::text, r.rolname), NULL, false
    FROM tables t JOIN pg_class c USING (oid) CROSS JOIN LATERAL aclexplode(c.relacl) AS a
    JOIN pg_roles r ON r.oid = a.grantee
    WHERE a.privilege_type = 'TRIGGER' AND a.grantee <> c.relowner
    GROUP BY r.rolname
    UNION ALL
    SELECT %(lake)s, 'every user of the database may create functions in this schema, also with the names of the lake''s',
           format('REVOKE CREATE ON SCHEMA %%I FROM PUBLIC', %(lake)s::text), NULL, false
    FROM lake CROSS JOIN LATERAL aclexplode(lake.nspacl) AS a
    WHERE a.grantee = 0 AND a.privilege_type = 'CREATE'
)
SELECT name, what, remedy, repair, is_fault FROM changed ORDER BY name, what
