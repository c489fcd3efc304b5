"""Define the hints of a query beside its SQL, the protocol of sessions, and the processes that may query."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import polars as pl

from factorlab_lake.errors import Forked

__all__ = ["QueryHints", "QuerySession", "RowFilter", "reject_forked_process"]


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Limit the rows of a table that a query can need: of these symbols, between two ISO dates."""

    symbols: list[str] | None = None
    first: str | None = None
    last: str | None = None


@dataclass(frozen=True, slots=True)
class QueryHints:
    """Describe a query to a session, which then opens fewer files; the answer is the same without hints.

    ``tables``: the rows that the query can need; None for none. A table without an entry shows all rows.
    ``symbols``: the only symbols of the query; None for any.
    ``short``: the answer has few rows, so planning takes longer than copying them.
    """

    tables: Mapping[str, RowFilter | None] = field(default_factory=dict)
    symbols: list[str] | None = None
    short: bool = False


class QuerySession(Protocol):
    """Run SQL over the tables and functions of a lake."""

    def frame(
        self, sql: str, params: dict[str, Any] | None = None, *, needs: QueryHints | None = None
    ) -> pl.DataFrame:
        """Run a query of this package, in which ``$name`` takes the value of that parameter."""

    def sql(self, text: str, params: dict[str, Any] | None = None) -> pl.DataFrame:
        """Run the SQL of a user; its errors are the user's, and it cannot change an answer of ``frame``."""


def reject_forked_process() -> None:
    """Raise :class:`Forked` in a process that was forked from one that had queried a lake."""
    if _first_process() != os.getpid():
        raise Forked(
            "This process was forked from one that had queried a lake. It has no threads of DuckDB and "
            "polars, so any query would hang. Start workers with "
            "multiprocessing.get_context('spawn'); a lake can be passed to them."
        )


@cache
def _first_process() -> int:
    """Return the process of the first query; a process that is forked later inherits the cached value."""
    return os.getpid()
