"""Cache rows of data files in memory: those of the few symbols that a session has queried.

To plan a query over files and to open them takes longer than to read the rows of a few symbols from memory.
The cached rows have the name of their source, in a schema of their own. While that schema is the first on
the search path, functions read the cached rows. The cache knows from which files it read a symbol's rows, so
a query of other years adds theirs, and each row is there once.

Functions in another schema, which comes before that one, have shorter plans for small grids.
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

KEPT_ROWS = "kept_rows"  # the schema of the cached rows
FEW_CELLS = "few_cells"  # the schema of functions over them

Files: TypeAlias = frozenset[tuple[str, DataFile]]  # each with its table


@dataclass(frozen=True, slots=True)
class Source:
    """Name a table or view with cached rows, the tables that it reads, and the view that has the rows.

    After more than ``most_rows`` rows, the next query clears the cache first. ``file`` is the SQL file of the
    view, the empty table and functions over it, if there is one.
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
    """Cache the rows of one source in one DuckDB instance."""

    def __init__(self, con: duckdb.DuckDBPyConnection, source: Source) -> None:
        self.source = source
        self._con = con
        self._table = f"{KEPT_ROWS}.{identifier(source.name)}"
        self._read: dict[str, Files] = {}  # by symbol: the files its rows were read from
        self._rows = 0

    def missing(self, symbols: Iterable[str], files: Files) -> dict[Files, list[str]]:
        """Return the sets of files that are not read yet, each with the symbols that lack them."""
        if self._rows > self.source.most_rows:
            self._read = {}
        missing: dict[Files, list[str]] = {}
        for symbol in symbols:
            unread = files - self._read.get(symbol, frozenset())
            if unread:
                missing.setdefault(unread, []).append(symbol)
        return missing

    def add(self, symbols: list[str], files: Files) -> None:
        """Cache the rows of these symbols in these files, which are the only ones that the source shows."""
        read, self._read = self._read, {}  # cleared first: an interrupted insert must not count as cached
        if not read:
            self._begin()
        # DuckDB applies a list of literals before a view's windows, and so reads fewer parts of files.
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
