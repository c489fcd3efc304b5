"""Rows of data files that a session keeps in memory: those of the few symbols asked so far.

Planning a query over files, and opening them, takes longer than reading the rows of a few symbols out of
memory. The cached rows have the name of their source, in a schema of their own. While that schema is the
first on the search path, functions read the cached rows. The files that a symbol's rows were read from are
remembered, so that a question about other years adds theirs, and each row is there once.

The inputs of small grids are looked up by functions with shorter plans, in another schema that comes before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from factorlab_lake.functions.duckdb_functions import sql_text
from factorlab_lake.schema import STATEMENT_TABLES, identifier, literal
from factorlab_lake.storage.data_files import DataFile

if TYPE_CHECKING:
    import duckdb

__all__ = ["FEW_CELLS", "KEPT_ROWS", "SOURCES", "Files", "RowCache", "Source"]

KEPT_ROWS = "kept_rows"  # the schema of the rows
FEW_CELLS = "few_cells"  # the schema of functions over them

Files: TypeAlias = frozenset[tuple[str, DataFile]]  # each with its table


@dataclass(frozen=True, slots=True)
class Source:
    """A table or view of which rows are kept, the tables it reads, and the view that the rows are read from.

    Once there are more than ``most_rows``, they are given up, and the next question keeps those of its own.
    ``file`` is the SQL file of the view, the empty table and functions over it, where there are any.
    """

    name: str
    tables: tuple[str, ...]
    view: str
    most_rows: int
    file: str = ""


SOURCES = (
    Source(
        "price_data", ("price_data",), "kept_rows.price_data_source", 500_000, file="kept_rows/price_data"
    ),
    Source("financial_statements", tuple(STATEMENT_TABLES.values()), "main.financial_statements", 20_000),
)


class RowCache:
    """The rows that one connection keeps of one source."""

    def __init__(self, con: duckdb.DuckDBPyConnection, source: Source) -> None:
        self.source = source
        self._con = con
        self._table = f"{KEPT_ROWS}.{identifier(source.name)}"
        self._read: dict[str, Files] = {}  # by symbol: the files its rows were read from
        self._rows = 0

    def missing(self, symbols: Iterable[str], files: Files) -> dict[Files, list[str]]:
        """Return which of the files are still to be read, each set of them with the symbols that lack it."""
        if self._rows > self.source.most_rows:
            self._read = {}
        missing: dict[Files, list[str]] = {}
        for symbol in symbols:
            unread = files - self._read.get(symbol, frozenset())
            if unread:
                missing.setdefault(unread, []).append(symbol)
        return missing

    def add(self, symbols: list[str], files: Files) -> None:
        """Keep the rows of these symbols in these files, which are all that the source shows now."""
        read, self._read = self._read, {}  # cleared first: an interrupted insert must not count as cached
        if not read:
            self._begin()
        # Written out, they pass below the windows of views, to the parts of files that can hold them.
        names = ", ".join(map(literal, symbols))
        rows = f"FROM {self.source.view} WHERE symbol IN ({names})"
        added = self._con.execute(f"INSERT INTO {self._table} {rows}").fetchone()
        self._rows += int(added[0]) if added else 0
        self._read = read | {symbol: read.get(symbol, frozenset()) | files for symbol in symbols}

    def _begin(self) -> None:
        for schema in (KEPT_ROWS, FEW_CELLS):
            self._con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        empty = f"CREATE OR REPLACE TABLE {self._table} AS FROM {self.source.view} LIMIT 0"
        self._con.execute(sql_text(self.source.file) if self.source.file else empty)
        self._rows = 0
