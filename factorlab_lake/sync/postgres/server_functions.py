"""Install the lake's SQL functions and views in Postgres; each has a file in ``functions/shell/postgres``.

A view that depends on the availability rule has a function of the same name that takes the rule as argument.
For example, ``share_counts('same_day')`` returns the rows of ``share_counts`` under another rule.
"""

from __future__ import annotations

import hashlib
from functools import cache, partial
from importlib.resources import files

import psycopg
from psycopg import errors

from factorlab_lake.functions.sql_placeholders import fill
from factorlab_lake.schema import identifier, literal
from factorlab_lake.sync.postgres.placeholders import placeholders

__all__ = [
    "FUNCTIONS",
    "FUNCTIONS_BY_RULE",
    "VIEWS_BY_RULE",
    "digest",
    "install",
    "installed",
    "sql_text",
    "statements",
]

# A function comes after the functions that it calls.
FUNCTIONS = (
    "availability_lag_days",
    "financial_statements",
    "statement_component",
    "symbol_date",
    "product",
    "number_text",
    "checked_vintage",
    "unrounded_close",
    "revisions",
    "multi_class_symbols",
    "share_counts",
    "statement_periods",
    "split_factors",
    "share_counts_by_year",
    "shares_as_of",
    "market_caps",
    "adjusted_prices",
    "statements_as_of",
    "statement_validity",
    "quarter_validity",
    "period_components",
    "ttm",
    "fundamentals_validity",
    "factors",
    "quarters",
    "ratios",
    "financial_ratios",
)
# Functions with the argument ``availability``, and views that depend on this rule.
FUNCTIONS_BY_RULE = (
    "shares_as_of",
    "share_counts_by_year",
    "market_caps",
    "statements_as_of",
    "statement_validity",
    "quarter_validity",
    "period_components",
    "ttm",
    "fundamentals_validity",
    "factors",
    "quarters",
    "ratios",
)
VIEWS_BY_RULE = ("financial_statements", "share_counts", "statement_periods", "financial_ratios")
# Names of the first version. An upgrade drops them: they build on functions that it replaces.
_FORMER_TYPES = ("statement_part", "grid_cell")
_FORMER = (
    "split_levels",
    "share_spans",
    "period_spans",
    "statement_spans",
    "fundamental_spans",
    "company_years",
)
_DIGEST = "lake_functions_digest"
# Every object with one of these names in the current schema; an object comes before those it depends on.
_INSTALLED = """
SELECT CASE prokind WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END AS kind, oid::regprocedure::text,
       array_position(%(names)s::text[], proname::text) AS place
FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND proname = ANY (%(names)s)
UNION ALL
SELECT CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TYPE' END, oid::regclass::text,
       array_position(%(names)s::text[], relname::text)
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
_Connection = psycopg.Connection[tuple[object, ...]]


@cache
def sql_text(name: str) -> str:
    """Return the SQL that creates a function or view, and a view's function by rule."""
    text = _filled(name, by_rule=_kind(_file(name)) != "VIEW")
    return f"{text.rstrip()}\n{_by_rule(name)}" if name in VIEWS_BY_RULE else text


def _by_rule(view: str) -> str:
    """Return the statement that creates the function of a view: its query, by the rule of the argument."""
    name = identifier(view)
    query = _filled(view, by_rule=True).partition(f"VIEW {view} AS\n")[2].rstrip().rstrip(";")
    return (
        f"CREATE OR REPLACE FUNCTION {name}(availability text) RETURNS SETOF {name}\n"
        f"LANGUAGE sql STABLE PARALLEL SAFE\nBEGIN ATOMIC\n{query};\nEND;\n"
        f"COMMENT ON FUNCTION {name}(text) IS "
        f"{literal(f'{view} by another availability rule, see availability_lag_days')};\n"
    )


def _filled(name: str, *, by_rule: bool) -> str:
    return fill(_file(name), partial(placeholders, by_rule=by_rule))


@cache
def _file(name: str) -> str:
    place = files("factorlab_lake.functions").joinpath("shell", "postgres", f"{name}.sql")
    return place.read_text(encoding="utf-8")


@cache
def statements() -> tuple[str, ...]:
    """Return the statements that create every view and function over existing tables, in order."""
    comments = [_comment(name) for name in FUNCTIONS if _kind(_file(name)) == "FUNCTION"]
    return (*map(sql_text, FUNCTIONS), *comments, _digest_function())


@cache
def digest() -> str:
    """Return a digest of the SQL of all views and functions."""
    return hashlib.sha256("".join(map(sql_text, FUNCTIONS)).encode()).hexdigest()


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
        if not _replace(con):
            _drop(con)
            _execute(con)
    return True


def _replace(con: _Connection) -> bool:
    """Replace everything in place; return False, without a change, if columns or arguments differ."""
    try:
        with con.transaction():
            _execute(con)
            twice = con.execute(_OVERLOADED, {"names": [*FUNCTIONS, _DIGEST]}).fetchone()
            former = con.execute(_INSTALLED, {"names": [*_FORMER_TYPES, *_FORMER]}).fetchone()
            if twice is None and former is None:
                return True
            raise psycopg.Rollback
    except (errors.AmbiguousFunction, errors.InvalidFunctionDefinition, errors.InvalidTableDefinition):
        pass
    return False


def _execute(con: _Connection) -> None:
    for statement in statements():
        con.execute(statement.encode())


def _drop(con: _Connection) -> None:
    place = FUNCTIONS.index("split_factors")  # the first that took the place of a former one
    names = [
        *_FORMER_TYPES,
        *FUNCTIONS[:place],
        *_FORMER,
        *FUNCTIONS[place:],
        _DIGEST,
    ]
    for kind, name, _ in con.execute(_INSTALLED, {"names": names}).fetchall():
        con.execute(f"DROP {kind} {name}".encode())


def _kind(text: str) -> str:
    return text.partition("\nCREATE OR REPLACE ")[2].partition(" ")[0]


def _comment(name: str) -> str:
    """Return the statement that sets the head of a function's file as its comment."""
    lines = sql_text(name).splitlines()
    head = [line.removeprefix("-- ") for line in lines[: _first_code(lines)]]
    return f"COMMENT ON FUNCTION {identifier(name)} IS {literal(chr(10).join(head))}"


def _first_code(lines: list[str]) -> int:
    return next(number for number, line in enumerate(lines) if not line.startswith("--"))


def _digest_function() -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {_DIGEST}() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE "
        f"RETURN {literal(digest())}"
    )
