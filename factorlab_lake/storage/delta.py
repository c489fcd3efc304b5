"""Create, change and list Delta tables, and read their logs; only this module uses the deltalake library.

A table version is read from the newest checkpoint at or before it, and from the log entries after that.
Without a checkpoint it is read from the first entry on. The library writes one every hundred versions.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl
from arro3.core import DataType, Table

from factorlab_lake.errors import LakeDamaged, LakeError, WriteFailed
from factorlab_lake.schema import TableSpec
from factorlab_lake.schema.evolution import missing_columns, reject_unknown_columns
from factorlab_lake.storage.bucket_path import RETRIES, in_bucket, options_of, unreachable
from factorlab_lake.storage.disk_space import COMPRESSION_LEVEL, assert_room, rows_per_group, system_error
from factorlab_lake.storage.freed_memory import returned_at_once
from factorlab_lake.storage.layout import write_atomically
from factorlab_lake.storage.snapshots import written_by

with returned_at_once():  # 30 MB fewer at the peak of several commits in a row
    from deltalake import (
        ColumnProperties,
        CommitProperties,
        DeltaTable,
        Field,
        PostCommitHookProperties,
        Schema,
        WriterProperties,
        write_deltalake,
    )
    from deltalake.exceptions import DeltaError, TableNotFoundError
    from deltalake.schema import PrimitiveType

__all__ = [
    "LAST_CHECKPOINT",
    "add_actions",
    "append",
    "current_version",
    "entries_before",
    "entries_replayed",
    "entries_since",
    "entry_damage",
    "entry_version",
    "is_checkpoint",
    "log_entries",
    "log_entry",
    "open_table",
    "polars_schema",
    "replace",
    "restore",
]

LAST_CHECKPOINT = "_last_checkpoint"  # the file that names the newest checkpoint
# Old log entries stay: reading an earlier snapshot and rolling back need them. Vacuum deletes them.
_KEEP_LOGS = PostCommitHookProperties(cleanup_expired_logs=False)
_PROBE_BYTES = 65_536
_UNREACHABLE = re.compile(r"Generic (?:S3|GCS|MicrosoftAzure) error")
_DICTIONARIES = {"close_price"}  # most queries read this number column: cents decode faster from a dictionary

_LogState: TypeAlias = frozenset[tuple[str, int, int, int]]
# The tables as this process committed them last, with the state of their logs then. Each log entry that is
# not in a checkpoint takes half a millisecond to read, so an open takes up to 50 ms.
_COMMITTED: dict[Path, tuple[DeltaTable, _LogState]] = {}
_MOST_COMMITTED = 64


def polars_schema(spec: TableSpec) -> pl.Schema:
    """Return a table's columns as polars types."""
    return pl.Schema({c.name: _polars_type(c.types.polars) for c in spec.columns})


def open_table(path: Path, version: int | None = None) -> DeltaTable:
    """Open a Delta table at a version; raise :class:`LakeDamaged` when it is missing."""
    with _errors_mapped(path, version):
        return DeltaTable(str(path), version=version, storage_options=_options(path))


def _options(path: Path) -> dict[str, str] | None:
    """Return the options of the Delta library, which by itself waits three minutes for a store."""
    options = options_of(path)
    return None if options is None else options | RETRIES


def current_version(path: Path) -> int:
    """Return the newest committed version of a table, or -1 when it does not exist.

    The names of the log entries suffice; opening a table would read its whole log.
    """
    return max((int(e.stem) for e in (path / "_delta_log").glob("*.json") if e.stem.isdigit()), default=-1)


def append(path: Path, spec: TableSpec, frame: pl.DataFrame, reason: str) -> int:
    """Add rows and return the new version."""
    return _write(path, spec, frame, reason, mode="append")


def replace(path: Path, spec: TableSpec, frame: pl.DataFrame, partitions: list[int], reason: str) -> int:
    """Replace the rows of the given partitions, or all rows of an unpartitioned table, in one commit."""
    predicate = f"{spec.partition_by} in ({', '.join(map(str, partitions))})" if spec.partition_by else None
    return _write(path, spec, frame, reason, mode="overwrite", predicate=predicate)


def _write(path: Path, spec: TableSpec, frame: pl.DataFrame, reason: str, **how: Any) -> int:
    rows = _conform(spec, frame)
    assert_room(path, spec, rows)
    with _errors_mapped(path):
        written = _ensure(path, spec)
        stored = _stored_types(written)
        reject_unknown_columns(spec, stored, place=str(path))
        writer = partial(written_by, path)
        if missing_columns(spec, stored, engine="delta", place=str(path), written_by=writer):
            how["schema_mode"] = "merge"
        write_deltalake(
            written,
            _plain_text(rows),
            partition_by=[spec.partition_by] if spec.partition_by else None,
            writer_properties=_writer(spec),
            commit_properties=_why(reason),
            post_commithook_properties=_KEEP_LOGS,
            **how,
        )
        version = written.version()
        _keep_committed(path, written)
    return version


def restore(path: Path, version: int, reason: str) -> int:
    """Restore the content of an earlier version as a new version."""
    opened = open_table(path)
    with _errors_mapped(path, version):
        opened.restore(version, commit_properties=_why(reason), post_commithook_properties=_KEEP_LOGS)
    return opened.version()


def add_actions(path: Path, version: int) -> pl.DataFrame:
    """Return one row per file of a table version with its partition and the ranges that Delta stores."""
    with _errors_mapped(path):
        committed = _committed(path, version)
        actions = pl.DataFrame((committed or open_table(path, version)).get_add_actions(flatten=True))
        if committed:
            _keep_committed(path, committed)
    return actions


def _committed(path: Path, version: int) -> DeltaTable | None:
    """Take the table that this process committed last, or None if that was another version.

    None also if any file of the log differs since then: another process committed, or the log was damaged.
    The caller keeps it again after its use, so two threads never use one table.
    """
    opened, log = _COMMITTED.pop(path, (None, frozenset()))
    if opened is None or opened.version() != version or log != _log_state(path):
        return None
    return opened


def _keep_committed(path: Path, opened: DeltaTable) -> None:
    if len(_COMMITTED) >= _MOST_COMMITTED:
        _COMMITTED.clear()
    _COMMITTED[path] = (opened, _log_state(path))


def _log_state(path: Path) -> _LogState:
    """Return name, size, time and identity of each file of a table's log."""
    log = path / "_delta_log"
    if (there := in_bucket(log)) is not None:
        return frozenset((n, s.st_size, s.st_mtime_ns, s.st_ino) for n, s in there.states().items())
    with os.scandir(log) as entries:
        states = ((e.name, e.stat()) for e in entries)
        return frozenset((name, s.st_size, s.st_mtime_ns, s.st_ino) for name, s in states)


@contextmanager
def _errors_mapped(path: Path, version: int | None = None) -> Iterator[None]:
    """Raise errors of the Delta library as errors of this package that name the damaged file."""
    try:
        yield
    except TableNotFoundError:
        raise LakeDamaged(
            f"The table in {path} is missing; restore the lake from a backup.", path=str(path)
        ) from None
    except (DeltaError, OSError) as error:
        if isinstance(error, LakeError):
            raise
        raise _mapped(path, str(error), version) from None


def _mapped(path: Path, message: str, version: int | None) -> LakeError:
    if in_bucket(path) is not None and _UNREACHABLE.match(message):
        return unreachable(path, message)
    message = message.partition("\n")[0]
    if refused := system_error(path, message):
        return refused
    if "LocalFileSystem" in message and (unwritable := _write_error(path)):
        return unwritable
    present = log_entries(path / "_delta_log")
    newest = max([*map(entry_version, present), version or 0])
    for entry in sorted({*present, *entries_replayed(path / "_delta_log", [newest])}):
        damage = entry_damage(entry)
        if damage:
            return LakeDamaged(
                f"{entry} {damage}; `factorlab-lake repair --from BACKUP` restores it.", path=str(entry)
            )
    return LakeDamaged(
        f"The Delta log in {path / '_delta_log'} is damaged; `factorlab-lake repair --from BACKUP` "
        f"restores it: {message}",
        path=str(path / "_delta_log"),
    )


@cache
def _writer(spec: TableSpec) -> WriterProperties:
    """Return the Parquet settings of a table.

    Numbers rarely repeat: without dictionaries they are written in two thirds of the time, and smaller.
    """
    plain = ColumnProperties(dictionary_enabled=False)
    numbers = [c.name for c in spec.columns if c.kind == "number" and c.name not in _DICTIONARIES]
    return WriterProperties(
        compression="ZSTD",
        compression_level=COMPRESSION_LEVEL,
        max_row_group_size=rows_per_group(spec),
        column_properties=dict.fromkeys(numbers, plain),
    )


def _ensure(path: Path, spec: TableSpec) -> DeltaTable:
    if opened := _committed(path, current_version(path)):
        return opened
    options = _options(path)
    if DeltaTable.is_deltatable(str(path), storage_options=options):
        return DeltaTable(str(path), storage_options=options)
    fields = [Field(c.name, PrimitiveType(c.types.delta), nullable=c.role != "key") for c in spec.columns]
    return DeltaTable.create(
        str(path),
        Schema(fields),
        partition_by=[spec.partition_by] if spec.partition_by else None,
        name=spec.name,
        description=spec.doc,
        storage_options=options,
    )


def _stored_types(opened: DeltaTable) -> dict[str, str]:
    """Return the type name of each stored column; a nested type, which no table has, becomes its text."""
    return {f.name: str(getattr(f.type, "type", f.type)) for f in opened.schema().fields}


def _conform(spec: TableSpec, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with the table's types in its order; the rows of a load have it and are not copied."""
    rows = frame.select(pl.col(name).cast(kind) for name, kind in polars_schema(spec).items())
    order = [*([spec.partition_by] if spec.partition_by else []), *spec.sort_by]
    return rows if _is_sorted(rows, order) else rows.sort(order)


def _is_sorted(rows: pl.DataFrame, columns: list[str]) -> bool:
    """Return whether rows are in the order of some columns; False also if a value is missing."""
    in_order = pl.lit(value=True)
    for column in map(pl.col, reversed(columns)):
        before = column.shift(1)
        in_order = (before < column) | ((before == column) & in_order)
    return bool(rows.select(in_order.slice(1).fill_null(value=False).all()).item())


def _plain_text(frame: pl.DataFrame) -> Table:
    """Return the frame with its text as plain ``utf8``: Daft and Sail do not read polars' ``utf8view``."""
    table = Table.from_arrow(frame)
    columns: dict[str, Any] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        columns[name] = column.cast(DataType.utf8()) if column.type == DataType.string_view() else column
    return Table.from_pydict(columns)


def _polars_type(name: str) -> pl.DataType | type[pl.DataType]:
    if name == "Datetime":
        return pl.Datetime("us", "UTC")
    kind: type[pl.DataType] = getattr(pl, name)
    return kind


def _why(reason: str) -> CommitProperties:
    return CommitProperties(custom_metadata={"reason": reason})


def _write_error(path: Path) -> WriteFailed | None:
    """Return the error of writing to the folder, or None: the Delta library may report another one."""
    probe = path.parent / "_lake" / "probe"
    try:
        write_atomically(probe, "x" * _PROBE_BYTES)
        probe.unlink()
    except WriteFailed as error:
        return WriteFailed(str(error).replace(str(probe), str(path)), path=str(path))
    return None


def log_entry(log: Path, version: int) -> Path:
    """Return the path of the log entry of a version."""
    return log / f"{version:020d}.json"


def log_entries(log: Path) -> list[Path]:
    """Return the existing log entries and checkpoints, oldest first."""
    return sorted(p for p in log.glob("[0-9]*.*") if _is_json(p) or is_checkpoint(p.name))


def entry_version(path: Path) -> int:
    """Return the version of a log entry or a checkpoint."""
    return int(path.name.partition(".")[0])


def entries_replayed(log: Path, versions: Iterable[int]) -> set[Path]:
    """Return the entries and checkpoints from which table versions are read, including missing ones."""
    checkpoints = {entry_version(p): p for p in log_entries(log) if is_checkpoint(p.name)}
    needed: set[Path] = set()
    for version in versions:
        first = max((n for n in checkpoints if n <= version), default=0)
        needed |= {log_entry(log, n) for n in range(first, version + 1)}
        needed |= {checkpoints[first]} if first in checkpoints else set()
    return needed


def entries_since(log: Path, version: int, newest: int) -> list[Path]:
    """Return the log files after a version up to ``newest``, and the pointer to a checkpoint."""
    entries = [
        p
        for p in log_entries(log)
        if version < entry_version(p) <= newest or (entry_version(p) == version and is_checkpoint(p.name))
    ]
    if any(is_checkpoint(p.name) for p in entries):
        entries += [p for p in [log / LAST_CHECKPOINT] if p.exists()]
    return entries


def entries_before(log: Path, versions: Iterable[int]) -> Iterator[Path]:
    """Yield the entries and checkpoints that are older than all that some versions need."""
    first = min(map(entry_version, entries_replayed(log, versions)), default=0)
    yield from (p for p in log_entries(log) if entry_version(p) < first)


def entry_damage(path: Path) -> str:
    """Return how an entry or a checkpoint is damaged, or an empty text.

    An entry that was truncated between two lines is still valid JSON: only the file list detects that.
    """
    try:
        return _checkpoint_damage(path) if is_checkpoint(path.name) else _entry_damage(path)
    except FileNotFoundError:
        return "is missing"


def _entry_damage(path: Path) -> str:
    try:
        lines = path.read_bytes().decode("utf-8").splitlines()
        for line in lines:
            json.loads(line)
    except ValueError:
        return "is truncated or damaged"
    return "" if lines else "is empty"


def _checkpoint_damage(path: Path) -> str:
    try:
        pl.read_parquet(BytesIO(path.read_bytes()))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return "is truncated or damaged"
    return ""


def _is_json(path: Path) -> bool:
    return path.suffix == ".json" and path.stem.isdigit()


def is_checkpoint(name: str) -> bool:
    """Return whether a file of a log is a checkpoint."""
    return name.endswith(".parquet") and ".checkpoint" in name
