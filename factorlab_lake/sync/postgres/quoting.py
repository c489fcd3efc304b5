"""The one place where a name or a text becomes Postgres SQL; values are bound wherever they can be."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["identifier", "identifiers", "literal"]


def identifier(name: str) -> str:
    """Quote a name.

    >>> identifier('odd"name')
    '"odd""name"'
    """
    return '"' + name.replace('"', '""') + '"'


def identifiers(names: Iterable[str], prefix: str = "") -> str:
    """Quote names for a list of columns, each after a prefix such as ``"t."``.

    >>> identifiers(["symbol", "date"], "t.")
    't."symbol", t."date"'
    """
    return ", ".join(prefix + identifier(name) for name in names)


def literal(text: str) -> str:
    """Quote a text, for statements that take no bound values.

    >>> literal("O'Brien")
    "'O''Brien'"
    """
    return "'" + text.replace("'", "''") + "'"
