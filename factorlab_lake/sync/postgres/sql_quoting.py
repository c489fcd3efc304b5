"""How a name or a text becomes Postgres SQL; values are bound wherever they can be."""

from __future__ import annotations

from collections.abc import Iterable

from factorlab_lake.schema import identifier, literal

__all__ = ["identifier", "identifiers", "literal"]


def identifiers(names: Iterable[str], prefix: str = "") -> str:
    """Quote names for a list of columns, each after a prefix such as ``"t."``.

    >>> identifiers(["symbol", "date"], "t.")
    't."symbol", t."date"'
    """
    return ", ".join(prefix + identifier(name) for name in names)
