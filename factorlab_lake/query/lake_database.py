"""Show the tables and functions of one snapshot in an in-memory DuckDB database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TypeAlias

import duckdb

from factorlab_lake.derive.availability_rule import AvailabilityRule
from factorlab_lake.derive.computation import buckets_of, compute, computed_rows, in_parts
from factorlab_lake.functions.duckdb_functions import FUNCTIONS, names_in, sql_text
from factorlab_lake.query.query_hints import QueryHints, RowFilter
from factorlab_lake.query.sandbox import Sandbox
from factorlab_lake.query.user_sql import UserSql
from factorlab_lake.schema import STORED_TABLES, TABLES, TableSpec, identifier, literal
from factorlab_lake.schema.derived_tables import DERIVED_FROM, DERIVED_TABLES, READ_FOR_DERIVATION
from factorlab_lake.storage.data_files import DataFile, prune
from factorlab_lake.storage.duckdb_frames import release_memory, show_bucket
from factorlab_lake.storage.freed_memory import trim_heap
from factorlab_lake.storage.layout import Layout

__all__ = ["Files", "LakeDatabase"]

Files: TypeAlias = dict[str, list[DataFile]]  # by table

_OF_ALL_CONNECTIONS = "SET GLOBAL TimeZone = 'UTC'"
_OF_A_CONNECTION = "SET TimeZone = 'UTC'"
_SETTINGS = {
    "parquet_metadata_cache": "true",  # data files never change
    # The text type of polars, so that nothing is converted.
    "arrow_output_version": "1.4",
    "produce_arrow_string_view": "true",
    "python_enable_replacements": "false",  # a name in a query is no variable of this program
}
_COMPUTED = "computed"  # the schema of derived rows that are computed here


class LakeDatabase:
    """Hold views and functions in a DuckDB instance of its own; it locks no file.

    A table or function is created when a query names it first. The rows of derived tables come from their
    files. Those of ``stale`` symbols (None: of all) are computed when a query needs them, from the first of
    the ``providers`` that has any. One thread may use a database.
    """

    def __init__(
        self,
        layout: Layout,
        files: Files,
        availability: AvailabilityRule,
        stale: frozenset[str] | None,
        providers: Sequence[str],
        *,
        sandbox: bool = False,
    ) -> None:
        self._layout = layout
        self._providers = providers
        self._files = files
        self._availability = availability
        self._stale = stale
        self._con = duckdb.connect(":memory:")
        for setting, value in _SETTINGS.items():
            self._con.execute(f"SET {setting} = {literal(value)}")
        show_bucket(self._con, layout.root)
        self._sandbox = Sandbox.from_settings() if sandbox else None
        self._con.execute(_OF_ALL_CONNECTIONS)
        if self._sandbox is not None:
            self._sandbox.lock(
                self._con,
                (layout.table(name) / file.path for name, of_table in files.items() for file in of_table),
            )
        self._shown: Files = {}
        self._installed: set[str] = set()
        self._computed: set[str] = set()
        self._has_computed_tables = False
        self._computing: duckdb.DuckDBPyConnection | None = None

    def interrupt(self) -> None:
        """Interrupt the running query or computation of the package, from another thread."""
        for con in (self._con, self._computing):
            if con is not None:
                with suppress(duckdb.ConnectionException):  # the computation ends at this moment
                    con.interrupt()

    @contextmanager
    def sparing(self) -> Iterator[None]:
        """Run queries with little memory: in one thread, and without what DuckDB keeps for later queries.

        Each thread has buffers for all columns. Reading 128 companies takes 110 MB instead of 200.
        """
        settings = {"threads": "1", "parquet_metadata_cache": "false"}
        for name, value in settings.items():
            self._con.execute(f"SET {name} = {literal(value)}")
        try:
            yield
        finally:
            for name in settings:
                own = _SETTINGS.get(name)
                self._con.execute(f"RESET {name}" if own is None else f"SET {name} = {literal(own)}")
            release_memory(self._con)
            trim_heap()

    @cached_property
    def user_sql(self) -> UserSql:
        """Return another connection, with a transaction, a search path and temporary tables of its own.

        A user can roll back a transaction or change the search path, so no view may be created on it.
        """
        return UserSql(self._connected(), self._layout.root, sandbox=self._sandbox)

    def _connected(self) -> duckdb.DuckDBPyConnection:
        """Return another connection; a user can have changed the settings that all share, unless locked."""
        con = self._con.cursor()
        if self._sandbox is None:
            con.execute(_OF_A_CONNECTION)
        return con

    def install(self, sql: str) -> None:
        """Create all tables and functions that a query names, over all files."""
        self._prepare(names_in(sql), QueryHints())

    def install_all(self) -> None:
        """Create every table and function."""
        self._prepare([*STORED_TABLES, *FUNCTIONS], QueryHints())

    @contextmanager
    def prepared(self, sql: str, hints: QueryHints) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection with all that a query names; tables in the hints show only the needed files."""
        self._prepare(names_in(sql), hints)
        yield self._con

    def _prepare(self, names: list[str], hints: QueryHints) -> None:
        derived = [name for name in names if name in DERIVED_TABLES]
        if derived and self._stale != frozenset():
            self._compute(hints.symbols)
        for name in names:
            if name in DERIVED_TABLES:
                self._show_derived(TABLES[name], hints.symbols)
            elif name in STORED_TABLES:
                self._show(name, self._needed(name, hints))
            elif name not in self._installed:
                self._con.execute(sql_text(name))
                self._installed.add(name)

    def _needed(self, name: str, hints: QueryHints) -> list[DataFile]:
        """Return the files of a table that can contain any row that a query needs."""
        if name not in hints.tables:
            return self._files[name]
        rows = hints.tables[name]
        return [] if rows is None else self._pruned(name, rows)

    def _pruned(self, name: str, rows: RowFilter) -> list[DataFile]:
        return prune(self._files[name], symbols=rows.symbols, first=rows.first, last=rows.last)

    def _show(self, name: str, files: list[DataFile]) -> None:
        """Create a table's view over these files; functions read through the view."""
        if self._shown.get(name) != files:
            view = f"CREATE OR REPLACE VIEW {identifier(name)} AS {self._rows(STORED_TABLES[name], files)}"
            self._con.execute(view)
            self._shown[name] = files

    def _rows(self, spec: TableSpec, files: list[DataFile]) -> str:
        return self._availability.select_from(spec, self._layout.table(spec.name), files)

    def _show_derived(self, spec: TableSpec, symbols: list[str] | None) -> None:
        """Create the view of a derived table: stored rows, and those computed here."""
        files = [] if self._stale is None else self._files[spec.name]
        if symbols is not None and spec.buckets:
            buckets = buckets_of(symbols, spec)
            files = [file for file in files if file.partition in buckets]
        if not self._has_computed_tables:
            self._show(spec.name, files)
        elif self._shown.get(spec.name) != files:
            rows = self._rows(spec, files)
            names = ", ".join(map(literal, sorted(self._stale or ()))) or "NULL"
            self._con.execute(
                f"CREATE OR REPLACE VIEW {identifier(spec.name)} AS "
                f"SELECT * FROM ({rows}) WHERE symbol NOT IN ({names}) "
                f"UNION ALL SELECT * FROM {_COMPUTED}.{identifier(spec.name)}"
            )
            self._shown[spec.name] = files

    def _compute(self, symbols: list[str] | None) -> None:
        """Compute the derived rows of stale symbols among these; None stands for all symbols."""
        self._create_computed_tables()
        needed = self._needed_symbols(symbols) - self._computed
        if not needed:
            return
        # The temporary tables of the computation must not hide a view of this connection, nor may a view that
        # shows few files replace one that a user's own view reads.
        with self._connected() as con:
            self._computing = con
            for part in in_parts(needed):
                for name in READ_FOR_DERIVATION:
                    rows = self._rows(TABLES[name], self._pruned(name, RowFilter(part)))
                    con.execute(f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS {rows}")
                compute(con, part, self._providers)
                self._add_computed(con, part)
        self._computing = None

    def _create_computed_tables(self) -> None:
        if self._has_computed_tables:
            return
        self._con.execute(f"CREATE SCHEMA IF NOT EXISTS {_COMPUTED}")
        for spec in DERIVED_TABLES.values():
            columns = ", ".join(f"{identifier(c.name)} {c.types.duckdb}" for c in spec.columns)
            self._con.execute(f"CREATE OR REPLACE TABLE {_COMPUTED}.{identifier(spec.name)} ({columns})")
        self._shown = {n: files for n, files in self._shown.items() if n not in DERIVED_TABLES}
        self._has_computed_tables = True

    def _add_computed(self, con: duckdb.DuckDBPyConnection, symbols: list[str]) -> None:
        """Copy computed rows to the tables that the views show: of all symbols, or of none."""
        con.execute("BEGIN")
        for spec in DERIVED_TABLES.values():
            place = f"{_COMPUTED}.{identifier(spec.name)}"
            # Delete first: an interrupt after COMMIT leaves rows that do not count as computed.
            con.execute(f"DELETE FROM {place} WHERE symbol IN (SELECT symbol FROM derived_symbols)")
            con.execute(f"INSERT INTO {place} {computed_rows(spec)}")
        con.execute("COMMIT")
        self._computed.update(symbols)

    def _needed_symbols(self, symbols: list[str] | None) -> set[str]:
        """Return the stale symbols among these, and all of the same companies: a cap counts their classes."""
        if symbols is None:
            return self._all_symbols() if self._stale is None else set(self._stale)
        requested = set(symbols)
        if self._stale is None and requested <= self._computed:
            return set()
        # A stored symbol counts its stale classes too.
        classes = requested.union(*(c for c in self._classes if not requested.isdisjoint(c)))
        return classes if self._stale is None else classes & self._stale

    @cached_property
    def _classes(self) -> list[frozenset[str]]:
        """Return the symbols of each company that has several."""
        rows = self._rows(TABLES["income_statements"], self._files["income_statements"])
        query = f"SELECT list(DISTINCT symbol) FROM ({rows}) WHERE cik IS NOT NULL GROUP BY cik"
        return [frozenset(c) for (c,) in self._con.execute(query).fetchall() if len(c) > 1]

    def _all_symbols(self) -> set[str]:
        for name in DERIVED_FROM:
            self._show(name, self._files[name])
        query = " UNION ".join(f"SELECT symbol FROM {name}" for name in DERIVED_FROM)
        return {row[0] for row in self._con.execute(query).fetchall()}
