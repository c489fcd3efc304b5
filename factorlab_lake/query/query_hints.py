"""What a question says beside its SQL, and what answers it: a session, on a lake or on a shared server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl

__all__ = ["QueryHints", "QuerySession", "RowFilter"]


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows of a table a question can need at most: of these symbols, between two ISO dates."""

    symbols: list[str] | None = None
    first: str | None = None
    last: str | None = None


@dataclass(frozen=True, slots=True)
class QueryHints:
    """What a session may make use of to answer sooner; the answer is the same without.

    ``tables``: the rows needed at most, None for none at all; of tables that are not named, all.
    ``symbols``: the only symbols the question is about; None for any.
    ``rows_of``: the table or view of which the rows of few symbols may be kept in memory.
    ``few_cells``: it is about so few symbols and dates that a function with a short plan is the faster one.
    ``lasting``: rows of functions may be kept for them, as further dates are likely to be asked.
    ``short``: the answer has few rows, so that planning the query takes longer than handing them over.
    """

    tables: Mapping[str, RowFilter | None] = field(default_factory=dict)
    symbols: list[str] | None = None
    rows_of: str | None = None
    few_cells: bool = False
    lasting: bool = False
    short: bool = False


class QuerySession(Protocol):
    """Run SQL over the tables and functions of a lake."""

    def frame(
        self, sql: str, params: dict[str, Any] | None = None, *, needs: QueryHints | None = None
    ) -> pl.DataFrame:
        """Run a query of this package, in which ``$name`` takes the value of that parameter."""

    def sql(self, text: str, params: dict[str, Any] | None = None) -> pl.DataFrame:
        """Run the SQL of a user; its errors are the user's, and it cannot change an answer of ``frame``."""
