"""Record the views and functions that a sync creates, and find those that somebody replaced or removed.

An account shows the text of an object in its own form, so the record is what it shows after the installation.
"""

from __future__ import annotations

from factorlab_lake.sync.snowflake.connection import Connection, Error
from factorlab_lake.sync.snowflake.server_functions import FUNCTIONS, VIEWS

__all__ = ["RECORD", "Definitions", "changes", "definitions", "record"]

Definitions = dict[tuple[str, str], str | None]
"""The digest of the text of each object, by kind and name; None where the role may not read the text."""

RECORD = "factorlab_lake_installed"
_SHOWN = {
    "view": (
        "SELECT LOWER(table_name), '', SHA2(view_definition) FROM information_schema.views "
        "WHERE table_schema = CURRENT_SCHEMA()"
    ),
    "function": (
        "SELECT LOWER(function_name), argument_signature, SHA2(function_definition) "
        "FROM information_schema.functions WHERE function_schema = CURRENT_SCHEMA()"
    ),
}
_NO_OBJECT = 2003  # a server that refuses table functions does not list them either
_ADVICE = "sync with --repair as its owner"


def definitions(con: Connection) -> Definitions:
    """Return the views and functions of the lake that exist in the current schema."""
    shown: Definitions = {}
    for kind, query in _SHOWN.items():
        try:
            rows = con.rows(query)
        except Error as error:
            if error.errno != _NO_OBJECT:
                raise
            rows = []
        for name, arguments, digest in rows:
            if name in (*VIEWS, *FUNCTIONS):
                shown[kind, f"{name}{arguments}"] = None if digest is None else str(digest)
    return shown


def record(con: Connection, installed: Definitions) -> None:
    """Replace the record by these definitions; the caller has a transaction."""
    con.run(f"DELETE FROM {RECORD}")
    for (kind, name), digest in installed.items():
        con.run(f"INSERT INTO {RECORD} (kind, name, definition) SELECT ?, ?, ?", [kind, name, digest])


def changes(con: Connection) -> list[tuple[str, str]]:
    """Return the name of each object that is missing or was replaced, and what to do.

    An object whose text the role may not read is only looked for.
    """
    recorded = {(str(k), str(n)): d for k, n, d in con.rows(f"SELECT kind, name, definition FROM {RECORD}")}
    shown = definitions(con)
    differences = []
    for (kind, name), digest in sorted(recorded.items()):
        if (kind, name) not in shown:
            differences.append((name, f"this {kind} is missing: {_ADVICE}"))
        elif None not in (digest, shown[kind, name]) and shown[kind, name] != digest:
            differences.append((name, f"the definition of this {kind} was replaced: {_ADVICE}"))
    return differences
