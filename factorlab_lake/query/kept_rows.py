"""Rows of data files that a session keeps in memory: those of the few symbols asked so far.

Planning a query over files, and opening them, takes longer than reading the rows of a few symbols out of
memory. What is kept has the name of what it is read from, in a schema of its own: while that schema is the
first on the search path, functions read the rows kept. The files that a symbol's rows were read from are
remembered, so that a question about other years adds theirs, and each row is there once.

Of bars their stretches are kept too, in the table ``price_spans``, from which a ``cap_inputs`` of this schema
answers with half the operators that finding the last bars in files takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from factorlab_lake.formulas.quoting import identifier, literal
from factorlab_lake.lake.files import DataFile
from factorlab_lake.query.functions import sql_text
from factorlab_lake.schema import STATEMENT_TABLES

if TYPE_CHECKING:
    import duckdb

__all__ = ["KEPT_ROWS", "SOURCES", "Files", "KeptRows", "Source"]

KEPT_ROWS = "kept_rows"  # the schema

Files: TypeAlias = frozenset[tuple[str, DataFile]]  # each with its table


@dataclass(frozen=True, slots=True)
class Source:
    """A table or view of which rows are kept, the tables it reads, and its columns that questions read.

    Once there are more than ``most_rows``, they are given up, and the next question keeps those of its own.
    ``spans`` names a table of what follows from all rows of a symbol, which ``function`` reads.
    """

    name: str
    tables: tuple[str, ...]
    columns: str
    most_rows: int
    spans: str = ""
    function: str = ""


SOURCES = (
    Source(
        "price_data",
        ("price_data",),
        "symbol, date, close_price, split_basis_date",
        500_000,
        spans="price_spans",
        function="cap_inputs",
    ),
    Source("financial_statements", tuple(STATEMENT_TABLES.values()), "*", 20_000),
)


class KeptRows:
    """The rows that one connection keeps of one source."""

    def __init__(self, con: duckdb.DuckDBPyConnection, source: Source) -> None:
        self.source = source
        self._con = con
        self._table = f"{KEPT_ROWS}.{identifier(source.name)}"
        self._spans = f"{KEPT_ROWS}.{source.spans}"
        self._read: dict[str, Files] = {}  # by symbol: the files its rows were read from
        self._rows = 0

    def missing(self, symbols: Iterable[str], files: Files) -> dict[Files, list[str]]:
        """Return which of the files are still to be read, each set of them with the symbols that lack it."""
        if self._rows > self.source.most_rows:
            self._read = {}
        found: dict[Files, list[str]] = {}
        for symbol in symbols:
            unread = files - self._read.get(symbol, frozenset())
            if unread:
                found.setdefault(unread, []).append(symbol)
        return found

    def add(self, symbols: list[str], files: Files) -> None:
        """Keep the rows of these symbols in these files, which are all that the source shows now."""
        read, self._read = self._read, {}  # interrupted, it is begun anew
        rows = f"SELECT {self.source.columns} FROM main.{identifier(self.source.name)}"
        if not read:
            self._begin(rows)
        # Written out, they pass below the windows of views, to the parts of files that can hold them.
        of_these = f"WHERE symbol IN ({', '.join(map(literal, symbols))})"
        added = self._con.execute(f"INSERT INTO {self._table} {rows} {of_these}").fetchone()
        self._rows += int(added[0]) if added else 0
        if self.source.spans:
            self._con.execute(f"DELETE FROM {self._spans} {of_these}")
            self._con.execute(f"INSERT INTO {self._spans} FROM {self._spans}_source {of_these}")
        self._read = read | {symbol: read.get(symbol, frozenset()) | files for symbol in symbols}

    def _begin(self, rows: str) -> None:
        self._con.execute(f"CREATE SCHEMA IF NOT EXISTS {KEPT_ROWS}")
        self._con.execute(f"CREATE OR REPLACE TABLE {self._table} AS {rows} LIMIT 0")
        self._rows = 0
        if self.source.spans:
            self._con.execute(_sql(f"{self.source.spans}_source"))
            self._con.execute(f"CREATE OR REPLACE TABLE {self._spans} AS FROM {self._spans}_source LIMIT 0")
            self._con.execute(_sql(self.source.function))


def _sql(name: str) -> str:
    return sql_text(f"{KEPT_ROWS}/{name}")
