"""Write a lake as one DuckDB database with every table and function, which any client can open.

``lake.duckdb`` in the lake's folder has views and macros alone, over the data files of one snapshot. An
export has the rows themselves. Both are written to a temporary file and renamed, so a reader never sees a
partial file. Both have DuckDB's oldest current storage version, so that clients from 1.0 on can open them.

That version does not store MATERIALIZED, so clients before 1.5 plan and run each use of a subquery again. The
functions therefore use only cheap subqueries, such as the requested days, more than once.
``tests/contracts/test_duckdb_clients.py`` compares the answers of DuckDB 1.1, 1.4, 1.5 and 2.0.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from factorlab_lake.derive.availability_rule import CLOSE, AvailabilityRule, to_rule
from factorlab_lake.derive.computation import scripts_digest
from factorlab_lake.derive.staleness import stale_symbols
from factorlab_lake.errors import InternalError, LakeError, WriteFailed
from factorlab_lake.functions.duckdb_functions import FUNCTIONS, sql_text
from factorlab_lake.query.lake_database import LakeDatabase
from factorlab_lake.query.query_hints import QueryHints
from factorlab_lake.schema import TABLES, TableSpec, identifier, literal
from factorlab_lake.schema.derived_tables import DERIVED_TABLES
from factorlab_lake.storage import checksums, snapshots
from factorlab_lake.storage.data_files import DataFile, files_of, prune
from factorlab_lake.storage.disk_space import full_disk
from factorlab_lake.storage.duckdb_frames import show_bucket
from factorlab_lake.storage.interrupts import interrupts_raised
from factorlab_lake.storage.lake_paths import output_path
from factorlab_lake.storage.lake_settings import read_settings
from factorlab_lake.storage.layout import Layout, write_errors
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["CATALOG", "Selection", "export", "is_current", "write_catalog"]

CATALOG = "lake.duckdb"
_STORAGE = "v1.0.0"
_BARS = ("price_data", "price_revisions")
_SHOWN = "SELECT id, path, functions_digest, availability, provider_order FROM lake_snapshot"


@dataclass(frozen=True, slots=True)
class Selection:
    """Select the rows of an export: those of some symbols or of all, and the bars between two dates.

    Statements, splits and the other tables are exported for all dates, because queries within the dates need
    the facts that were known before.
    """

    symbols: list[str] | None = None
    start: date | None = None
    end: date | None = None

    def files(self, name: str, files: list[DataFile]) -> list[DataFile]:
        """Return the files that can contain any of a table's rows."""
        if name not in _BARS:
            return files
        first, last = (day.isoformat() if day else None for day in (self.start, self.end))
        return prune(files, symbols=self.symbols, first=first, last=last)

    def where(self, name: str) -> str:
        """Return the condition on a table's rows."""
        limits = []
        if self.symbols is not None and "symbol" in TABLES[name].names():
            limits.append(f"symbol IN ({', '.join(map(literal, self.symbols)) or 'NULL'})")
        if name in _BARS:
            limits += [f"date >= DATE {literal(self.start.isoformat())}"] if self.start else []
            limits += [f"date <= DATE {literal(self.end.isoformat())}"] if self.end else []
        return f" WHERE {' AND '.join(limits)}" if limits else ""


def write_catalog(layout: Layout, snapshot: Snapshot) -> Path:
    """Write ``lake.duckdb`` for a snapshot and return its path.

    It has the lake's settings, because all users of the folder share the file. If this program wrote the
    file before with the same settings, only the views of changed tables are replaced.

    Raises :class:`~factorlab_lake.errors.LakeDamaged` with the name of a missing or damaged data file, and
    :class:`~factorlab_lake.errors.WriteFailed`.
    """
    target, rule = layout.root / CATALOG, _rule(layout)

    files = {name: files_of(layout, snapshot, name) for name in TABLES}
    stale, providers = stale_symbols(layout, snapshot, rule), read_settings(layout).provider_order

    def fill(con: duckdb.DuckDBPyConnection, shown: dict[str, int]) -> None:
        for name, spec in TABLES.items():
            if snapshot.tables.get(name) != shown.get(name):
                con.execute(rule.table_view(spec, layout.table(name), files[name]))
        if stale != frozenset():
            _copy_derived(con, LakeDatabase(layout, files, rule, stale, providers), Selection())
        con.execute(_origin(snapshot, rule, providers, place=str(layout.root)))

    with suppress(_OtherFile, FileNotFoundError, IsADirectoryError, duckdb.Error):
        _write(target, lambda con: fill(con, _tables_shown(con, layout)), target.read_bytes())
        return target
    with _errors_mapped(layout, snapshot, target):
        _write(target, lambda con: fill(con, {}), _empty())
    return target


@contextmanager
def _errors_mapped(layout: Layout, snapshot: Snapshot, target: Path) -> Iterator[None]:
    """Raise errors of DuckDB as errors of this package; a view refuses a data file that is missing."""
    try:
        yield
    except duckdb.Error as error:
        damage = checksums.first_damage(layout, {name: files_of(layout, snapshot, name) for name in TABLES})
        if damage is not None:
            raise damage from None
        message = f"{target} cannot be written: {error}"
        if isinstance(error, duckdb.IOException):
            if full := full_disk(target, str(error)):
                raise full from None
            raise WriteFailed(f"{message} Nothing that was committed is lost.", path=str(target)) from None
        raise InternalError(message, path=str(target)) from None


class _OtherFile(Exception):
    """Signal that the existing file is for another folder, program or rule, or a snapshot that is gone."""


def _tables_shown(con: duckdb.DuckDBPyConnection, layout: Layout) -> dict[str, int]:
    """Return the table versions of an open ``lake.duckdb``."""
    shown, *made_for = con.execute(_SHOWN).fetchone() or (0,)
    if made_for != _made_for(layout):
        raise _OtherFile
    try:
        return snapshots.load(layout, shown).tables if shown else {}
    except LakeError:
        raise _OtherFile from None


def is_current(layout: Layout, snapshot: Snapshot) -> bool:
    """Return whether ``lake.duckdb`` is for this snapshot, folder, program version and these settings.

    A moved folder needs a new file, and so does a folder that an older program wrote last.
    """
    path = layout.root / CATALOG
    if not path.exists():
        return False
    try:
        with duckdb.connect(str(path), read_only=True) as con:
            shown = con.execute(_SHOWN).fetchone()
    except duckdb.Error:
        return False
    return shown == (snapshot.id, *_made_for(layout))


def _made_for(layout: Layout) -> list[str]:
    """Return what ``lake.duckdb`` depends on beside the snapshot: folder, functions and settings."""
    order = ", ".join(read_settings(layout).provider_order)
    return [str(layout.root), _functions_digest(), str(_rule(layout).setting), order]


def _rule(layout: Layout) -> AvailabilityRule:
    return to_rule(read_settings(layout).availability)


def export(
    layout: Layout,
    snapshot: Snapshot,
    target: str | os.PathLike[str],
    *,
    selection: Selection,
    availability: AvailabilityRule = CLOSE,
    force: bool = False,
) -> Path:
    """Write a self-contained copy of the selected rows under an availability rule, with every function.

    Raises :class:`AlreadyExists` if the file exists, unless ``force`` is true, and :class:`InvalidInput` for
    a path within a lake.
    """
    path = output_path(target, force=force)
    files = {name: files_of(layout, snapshot, name) for name in TABLES}
    stale, providers = stale_symbols(layout, snapshot, availability), read_settings(layout).provider_order

    def fill(con: duckdb.DuckDBPyConnection) -> None:
        show_bucket(con, layout.root)
        for name, spec in TABLES.items():
            chosen = selection.files(name, files[name])
            con.execute(availability.table_view(spec, layout.table(name), chosen))
            source, kept = identifier(name), f"main.{identifier(f'_{name}')}"
            con.execute(f"CREATE TABLE {kept} AS FROM {source}{selection.where(name)}")
            con.execute(f"DROP VIEW {source}")
            con.execute(f"ALTER TABLE {kept} RENAME TO {source}")
        if stale != frozenset():
            _copy_derived(con, LakeDatabase(layout, files, availability, stale, providers), selection)
        con.execute(_origin(snapshot, availability, providers))

    with _errors_mapped(layout, snapshot, path):
        _write(path, fill, _empty())
    return path


def _copy_derived(con: duckdb.DuckDBPyConnection, database: LakeDatabase, selection: Selection) -> None:
    """Replace the derived tables of an open file by copies: some rows are not stored in the lake."""
    with TemporaryDirectory() as folder:
        for name in DERIVED_TABLES:
            rows = Path(folder) / f"{name}.parquet"
            with database.prepared(name, QueryHints(symbols=selection.symbols)) as source:
                source.execute(f"COPY {name} TO {literal(str(rows))}")
            table = f"main.{identifier(name)}"
            kind = "VIEW" if _is_view(con, name) else "TABLE"
            con.execute(f"DROP {kind} IF EXISTS {table}")
            query = f"FROM read_parquet({literal(str(rows))}){selection.where(name)}"
            con.execute(f"CREATE TABLE {table} AS {query}")


def _is_view(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Return whether the open file has a view of this name."""
    query = (
        "SELECT count(*) FROM duckdb_views() WHERE view_name = $name AND database_name = current_database()"
    )
    return con.execute(query, {"name": name}).fetchone() != (0,)


def _origin(
    snapshot: Snapshot,
    availability: AvailabilityRule,
    providers: tuple[str, ...],
    *,
    place: str | None = None,
) -> str:
    """Return the view that describes the file: its snapshot, availability rule, providers and folder."""
    path = "NULL::VARCHAR" if place is None else literal(place)
    return (
        f"CREATE OR REPLACE VIEW lake_snapshot AS SELECT {snapshot.id}::BIGINT AS id, "
        f"{literal(snapshot.created_at)}::TIMESTAMP AS created_at, {path} AS path, "
        f"{literal(str(availability.setting))} AS availability, "
        f"{literal(', '.join(providers))} AS provider_order, "
        f"{literal(_functions_digest())} AS functions_digest"
    )


@cache
def _functions_digest() -> str:
    """Return the hash of all functions and of the tables' columns, which differs between programs."""
    text = [*map(_no_rows, TABLES.values()), *map(sql_text, FUNCTIONS), scripts_digest()]
    return hashlib.sha256("".join(text).encode()).hexdigest()


def _no_rows(spec: TableSpec) -> str:
    return CLOSE.table_view(spec, Path(spec.name), [])


def _write(target: Path, fill: Callable[[duckdb.DuckDBPyConnection], None], start: bytes) -> None:
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        with write_errors(target):
            temporary.write_bytes(start)
            with _opened(temporary) as con:
                fill(con)
            temporary.replace(target)
    finally:
        for file in (temporary, temporary.with_name(f"{temporary.name}.wal")):  # a failed write leaves both
            file.unlink(missing_ok=True)


@cache
def _empty() -> bytes:
    """Return a file with every function over empty tables, created once per process, because it is slow."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / CATALOG
        with _opened(file) as con:
            for spec in TABLES.values():
                con.execute(_no_rows(spec))
            for name in FUNCTIONS:
                con.execute(sql_text(name))
        return file.read_bytes()


@contextmanager
def _opened(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    name = f"single_{uuid.uuid4().hex}"  # unique, because other threads may write files of other lakes
    with interrupts_raised(), _engine(os.getpid()).cursor() as con:
        con.execute(f"ATTACH {literal(str(file))} AS {name} (STORAGE_VERSION {literal(_STORAGE)})")
        try:
            con.execute(f"USE {name}")
            yield con
        finally:
            con.execute("USE memory")
            con.execute(f"DETACH {name}")


@cache
def _engine(_process: int) -> duckdb.DuckDBPyConnection:
    """Return the connection that writes the files, since a new one is slow; a forked process has its own."""
    return duckdb.connect(":memory:")
