"""Install the lake's SQL functions and views in Postgres.

Each has a file in ``functions/shell/postgres``, or in ``functions/shell/duckdb`` where it is the same.

PostgreSQL selects a function or operator by its arguments, from all schemas of the search path: a
``public.round(double precision, integer)`` of another program would fit a call better than its own ``round``.
So the texts are installed with ``pg_catalog`` as the only schema of the path, and the names of the lake's own
objects have their schema. The bodies keep the functions that were selected at installation.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache

import psycopg
from psycopg import errors

from factorlab_lake.functions.duckdb_functions import head_of
from factorlab_lake.schema import TABLES, identifier, literal
from factorlab_lake.sync.postgres.placeholders import sql_text

__all__ = ["FUNCTIONS", "digest", "install", "installed", "qualified", "statements"]

# A function comes after the functions that it calls.
FUNCTIONS = (
    "json_number_text",
    "financial_statements",
    "product",
    "number_text",
    "checked_vintage",
    "unrounded_close",
    "revisions",
    "multi_class_symbols",
    "instruments",
    "sectors",
    "universe_members",
    "shares_as_of",
    "market_caps",
    "adjusted_prices",
    "statements_as_of",
    "ttm",
    "factor_inputs",
    "factors",
    "quarters",
    "ratios",
    "financial_ratios",
)
# Functions, views and types of earlier versions. An upgrade drops them.
_FORMER = (
    # 0.1
    "statement_part",
    "grid_cell",
    "split_levels",
    "share_spans",
    "period_spans",
    "statement_spans",
    "fundamental_spans",
    "company_years",
    # 0.2
    "availability_lag_days",
    "statement_component",
    "symbol_date",
    "share_counts",
    "statement_periods",
    "split_factors",
    "share_counts_by_year",
    "statement_validity",
    "quarter_validity",
    "period_components",
    "fundamentals_validity",
)
_DIGEST = "lake_functions_digest"
# Every object with one of these names in the current schema; a function comes before those that it calls.
_INSTALLED = """
SELECT CASE prokind WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END AS kind, oid::regprocedure::text,
       pg_catalog.array_position(%(names)s::text[], proname::text) AS place
FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND proname = ANY (%(names)s)
UNION ALL
SELECT CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TYPE' END, oid::regclass::text,
       pg_catalog.array_position(%(names)s::text[], relname::text)
FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relname = ANY (%(names)s) AND relkind IN ('v', 'c')
ORDER BY place DESC, kind  -- a function returns the rows of the view of its name
"""
# CREATE OR REPLACE with other arguments adds a second function of the name, and calls become ambiguous.
_OVERLOADED = """
SELECT proname FROM pg_proc
WHERE pronamespace = current_schema()::regnamespace AND proname = ANY (%(names)s)
GROUP BY proname HAVING count(*) > 1
"""
# The rights of users on the views, as statements.
_VIEW_GRANTS = """
SELECT pg_catalog.format('GRANT %%s ON %%I TO %%s', a.privilege_type, c.relname,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'v' AND c.relname = ANY (%(names)s)
  AND a.grantee <> c.relowner
"""
_VIEWS = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'v'"
# The right of the readers of income_statements to read the views that an upgrade added, as statements. The
# functions run with the rights of their caller: a reader of an older server lost those that read such a view.
_NEW_VIEW_GRANTS = """
SELECT pg_catalog.format('GRANT SELECT ON %%I TO %%s', c.relname,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
FROM pg_class c JOIN pg_class t ON t.relnamespace = c.relnamespace
CROSS JOIN LATERAL aclexplode(t.relacl) AS a
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'v' AND c.relname = ANY (%(names)s)
  AND c.relname <> ALL (%(before)s) AND t.relname = 'income_statements' AND a.grantee <> t.relowner
  AND a.privilege_type = 'SELECT'
"""
_PATH = "SELECT current_schema()::text, current_setting('search_path')"
_SET_PATH = "SELECT set_config('search_path', %s, true)"
# A comment or text; the name of a table as a text; a table or view; the name of a function in a comment on
# it; a function that is created or called.
_OWN_NAME = r"""--[^\n]*|'(?P<place>{relations})'(?=::regclass)|'(?:[^']|'')*'
|(?P<before>\b(?:FROM|JOIN|SETOF|VIEW)\s+)"?(?P<relation>{relations})\b"?(?!\s*\()
|(?P<comment>COMMENT\ ON\ FUNCTION\ )"(?P<described>\w+)"
|(?<![.\w])(?P<call>{functions})(?=\s*\()"""
_Connection = psycopg.Connection[tuple[object, ...]]


@cache
def statements() -> tuple[str, ...]:
    """Return the statements that create every view and function over existing tables, in order."""
    comments = [_comment(name) for name in FUNCTIONS if _kind(sql_text(name)) == "FUNCTION"]
    return (*map(sql_text, FUNCTIONS), *comments, _digest_function())


@cache
def digest() -> str:
    """Return a digest of the SQL of all views and functions."""
    texts = (qualified(sql_text(name), "lake") for name in FUNCTIONS)
    return hashlib.sha256("".join(texts).encode()).hexdigest()


def qualified(statement: str, schema: str) -> str:
    """Return a statement in which each name of the lake's tables, views and functions has a schema.

    >>> qualified("SELECT product(close_price) FROM price_data AS splits -- FROM splits", "lake")
    'SELECT "lake".product(close_price) FROM "lake"."price_data" AS splits -- FROM splits'
    """
    place = identifier(schema)

    def replaced(token: re.Match[str]) -> str:
        if token["place"]:
            return literal(f"{place}.{identifier(token['place'])}")
        if token["relation"]:
            return f"{token['before']}{place}.{identifier(token['relation'])}"
        if token["described"]:
            return f"{token['comment']}{place}.{identifier(token['described'])}"
        return f"{place}.{token['call']}" if token["call"] else token[0]

    return _own_name().sub(replaced, statement)


@cache
def _own_name() -> re.Pattern[str]:
    views = (name for name in FUNCTIONS if _kind(sql_text(name)) == "VIEW")
    relations = "|".join((*TABLES, *views, "factorlab_lake_target"))
    pattern = _OWN_NAME.format(relations=relations, functions="|".join((*FUNCTIONS, _DIGEST)))
    return re.compile(pattern, re.VERBOSE)


def installed(con: _Connection) -> str | None:
    """Return the digest of the functions in the current schema of a database; None if it has none."""
    if con.execute("SELECT to_regprocedure(%s)", [f"{_DIGEST}()"]).fetchone() == (None,):
        return None
    row = con.execute(f"SELECT {_DIGEST}()").fetchone()
    return None if row is None else str(row[0])


def install(con: _Connection, *, force: bool = False) -> bool:
    """Create or replace every view and function in one transaction; return whether anything was done.

    They are created in the schema that is first in the ``search_path``, where the tables must be. Views that
    users built on them stay. If the columns of a function changed, Postgres refuses and names such a view.

    ``force`` installs them although the digest agrees: a column that was dropped took views with it.
    """
    if installed(con) == digest() and not force:
        return False
    with con.transaction():
        before, grants = [name for (name,) in con.execute(_VIEWS).fetchall()], []
        if not _replace(con):
            grants = con.execute(_VIEW_GRANTS, {"names": list(FUNCTIONS)}).fetchall()
            _drop(con)  # a view that is dropped takes the rights of its users with it
            _execute(con)
        grants += con.execute(_NEW_VIEW_GRANTS, {"names": list(FUNCTIONS), "before": before}).fetchall()
        for (grant,) in grants:
            con.execute(str(grant).encode())
    return True


def _replace(con: _Connection) -> bool:
    """Replace everything in place; return False, without a change, if columns or arguments differ."""
    try:
        with con.transaction():
            _execute(con)
            twice = con.execute(_OVERLOADED, {"names": [*FUNCTIONS, _DIGEST]}).fetchone()
            former = con.execute(_INSTALLED, {"names": list(_FORMER)}).fetchone()
            if twice is None and former is None:
                return True
            raise psycopg.Rollback
    except (errors.AmbiguousFunction, errors.InvalidFunctionDefinition, errors.InvalidTableDefinition):
        pass
    return False


def _execute(con: _Connection) -> None:
    [(schema, path)] = con.execute(_PATH).fetchall()
    con.execute(_SET_PATH, ["pg_catalog, pg_temp"])
    for statement in statements():
        con.execute(qualified(statement, str(schema)).encode())
    con.execute(_SET_PATH, [path])


def _drop(con: _Connection) -> None:
    """Drop every function, view and type of this and earlier versions, each after those that depend on it.

    Raises :class:`psycopg.errors.DependentObjectsStillExist` if an object of a user depends on one of them.
    """
    rows = con.execute(_INSTALLED, {"names": [*_FORMER, *FUNCTIONS, _DIGEST]}).fetchall()
    waiting = [f"DROP {kind} {name}".encode() for kind, name, _ in rows]
    while waiting:
        blocked = [statement for statement in waiting if not _dropped(con, statement)]
        if len(blocked) == len(waiting):
            con.execute(blocked[0])
        waiting = blocked


def _dropped(con: _Connection, statement: bytes) -> bool:
    """Run a DROP statement, and return whether nothing depends on the object."""
    try:
        with con.transaction():
            con.execute(statement)
    except errors.DependentObjectsStillExist:
        return False
    return True


def _kind(text: str) -> str:
    return text.partition("\nCREATE OR REPLACE ")[2].partition(" ")[0]


def _comment(name: str) -> str:
    """Return the statement that sets the head of a function's file as its comment."""
    head = "\n".join(line.removeprefix("-- ") for line in head_of(sql_text(name)).splitlines())
    return f"COMMENT ON FUNCTION {identifier(name)} IS {literal(head)}"


def _digest_function() -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {_DIGEST}() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE "
        f"RETURN {literal(digest())}"
    )
