"""Record what a sync installs on a server, and find what somebody replaced, added or removed there.

A function or view is compared with the record of its definition, which is written at installation. All other
objects are compared with what a sync creates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from factorlab_lake.schema import TABLES, identifier, literal
from factorlab_lake.sync.postgres import ddl
from factorlab_lake.sync.postgres.connection import Connection
from factorlab_lake.sync.postgres.server_functions import FUNCTIONS, statements

__all__ = ["TRIGGERS", "Change", "changes", "is_recorded", "record", "signatures"]

# Their types in pg_trigger: BEFORE UPDATE FOR EACH ROW; AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE.
TRIGGERS = {"factorlab_lake_edited": 19, "factorlab_lake_wrote": 60}
_CREATED = re.compile(r'CREATE OR REPLACE (?:FUNCTION|AGGREGATE) "?(\w+)"?\s*\(([^()]*)\)\s*(?:RETURNS|\()')
# PostgreSQL writes the text of a function or view by these settings.
_SETTINGS = {
    "search_path": "pg_catalog, pg_temp",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "quote_all_identifiers": "off",
}
_SET = "SELECT set_config(name, value, true) FROM unnest(%s::text[], %s::text[]) AS s (name, value)"
_PLACE = "SELECT current_schema()::text, current_setting('server_version')"
_RECORDED = """
SELECT EXISTS (SELECT FROM factorlab_lake_installed
               WHERE server_version = current_setting('server_version') AND schema_name = current_schema())
"""


@dataclass(frozen=True, slots=True)
class Change:
    """Describe a difference between an object of a server and what a sync creates.

    ``repair`` is empty if a repair leaves it to its owner, else ``functions``, ``statement`` (the remedy), or
    the name of a table whose triggers are created again. Without ``is_fault`` it is only worth a warning.
    """

    name: str
    what: str
    remedy: str
    repair: str
    is_fault: bool

    def __str__(self) -> str:
        advice = "sync with --repair as its owner"
        return f"{self.what}: {advice if self.repair else f'{self.remedy};'}"


def record() -> str:
    """Return the statement that records the functions and views of the current schema."""
    settings = "\n  ".join(
        f"PERFORM set_config({literal(name)}, {literal(value)}, true);" for name, value in _SETTINGS.items()
    )
    arrays = {name: f"ARRAY[{', '.join(map(literal, values))}]" for name, values in _names().items()}
    return _file("record", settings=settings, definitions=_file("definitions", lake="lake", **arrays))


def is_recorded(con: Connection) -> bool:
    """Return whether the functions were recorded in this schema, by this version of the server."""
    return con.execute(_RECORDED).fetchone() == (True,)


def changes(con: Connection) -> list[Change]:
    """Return what somebody replaced, added or removed; rows are not compared."""
    [(lake, version)] = con.execute(_PLACE).fetchall()
    names = {name: f"%({name})s::text[]" for name in _names()}
    definitions = _file("definitions", lake="%(lake)s::text", **names)
    query = _file("changed", place=identifier(str(lake)), definitions=definitions)
    with con.transaction():
        con.execute(_SET, [[*_SETTINGS], [*_SETTINGS.values()]])
        rows = con.execute(query.encode(), {"lake": lake, "version": version, **_expected()}).fetchall()
    return [
        Change(str(n), str(what), str(sql or ""), str(how or ""), bool(bad))
        for n, what, sql, how, bad in rows
    ]


@cache
def signatures() -> tuple[tuple[str, str], ...]:
    """Return the name and the argument types of each function of the lake."""
    created = [_CREATED.search(text) for text in statements()]
    functions = [(m[1], ", ".join(map(_type, filter(str.strip, m[2].split(","))))) for m in created if m]
    return (*functions, *((name, "") for name in TRIGGERS))


def _names() -> dict[str, list[str]]:
    functions = {name for name, _ in signatures()}
    return {
        "signatures": [f"{name}({types})" for name, types in signatures()],
        "views": [name for name in FUNCTIONS if name not in functions],
    }


@cache
def _expected() -> dict[str, list[str] | list[int] | list[str | None]]:
    columns = [(spec.name, column) for spec in TABLES.values() for column in spec.columns]
    of_index, indexes, created = zip(*_indexes(), strict=True)
    return {
        **_names(),
        "tables": [*TABLES],
        "triggers": [*TRIGGERS],
        "kinds": [*TRIGGERS.values()],
        "of_column": [table for table, _ in columns],
        "columns": [column.name for _, column in columns],
        "defaults": [None if c.default is None else str(c.default) for _, c in columns],
        "of_index": [*of_index],
        "indexes": [*indexes],
        "created": [*created],
    }


def _indexes() -> Iterator[tuple[str, str, str]]:
    """Yield the table of each index, its name, and the statement that creates it."""
    for spec in TABLES.values():
        for statement in ddl.indexes(spec):
            yield spec.name, statement.split('"')[1], statement


def _type(argument: str) -> str:
    """Return the type of an argument, without its name and default.

    >>> [_type(text) for text in ("vintage text DEFAULT 'known'", "close double precision")]
    ['text', 'double precision']
    """
    words = argument.partition(" DEFAULT ")[0].split()
    return " ".join(words if words[:2] == ["double", "precision"] else words[1:])


def _file(name: str, **values: str) -> str:
    """Return the SQL of a file with its placeholders filled; its head names them, so it is left out."""
    lines = files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("--"))
    for placeholder, value in values.items():
        text = text.replace("{{" + placeholder + "}}", value)
    return text
