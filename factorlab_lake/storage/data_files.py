"""The data files of a snapshot: file lists, the choice of files for a query, and columns that a file lacks.

A table version's file list is derived from its Delta log once, at the commit, and stored beside the
snapshots. A reader starts without the Delta log; it rebuilds a list that is missing.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import astuple, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import polars as pl

from factorlab_lake.errors import LakeDamaged, WriteFailed
from factorlab_lake.schema import STORED_TABLES, TABLES, TableSpec, identifier, literal, table
from factorlab_lake.schema.evolution import missing_columns
from factorlab_lake.storage import inventory
from factorlab_lake.storage.bucket_path import options_of
from factorlab_lake.storage.layout import Layout, write_atomically
from factorlab_lake.storage.sealed import seal
from factorlab_lake.storage.snapshots import Snapshot, written_by

__all__ = [
    "DataFile",
    "added_rows",
    "files_of",
    "list_files",
    "list_path",
    "missing_in_file",
    "parquet_rows",
    "parquet_schema",
    "prune",
    "read_list",
    "row_counts",
    "save_list",
]


@dataclass(frozen=True, slots=True)
class DataFile:
    """Describe one Parquet file: its path within the table's folder, its size and its value ranges."""

    path: str
    rows: int
    size_bytes: int
    partition: int | None
    symbols: tuple[str | None, str | None]
    dates: tuple[str | None, str | None]


def save_list(layout: Layout, name: str, version: int) -> list[DataFile]:
    """Derive the file list of a table version from its Delta log, write it for readers and return it."""
    files = list_files(layout.table(name), table(name), version)
    with suppress(WriteFailed):  # in a read-only folder, each reader derives the list
        body = {"table": name, "version": version, "files": [astuple(f) for f in files]}
        write_atomically(list_path(layout, name, version), seal(body), derived=True)
    return files


def files_of(layout: Layout, snapshot: Snapshot, name: str) -> list[DataFile]:
    """Return the files with a table's rows in a snapshot; empty when the table has no rows yet."""
    version = snapshot.tables.get(name)
    if version is None:
        return []
    files = read_list(layout, name, version)
    return save_list(layout, name, version) if files is None else files


def read_list(layout: Layout, name: str, version: int) -> list[DataFile] | None:
    """Return the stored file list of a table version, or None if it is missing or unreadable."""
    try:
        rows = _listed(layout, name, version)
        return [DataFile(p, n, size, part, tuple(s), tuple(d)) for p, n, size, part, s, d in rows]
    except (FileNotFoundError, LakeDamaged, ValueError, TypeError, KeyError):
        return None


def _listed(layout: Layout, name: str, version: int) -> list[Any]:
    """Return the rows of a stored list; early programs wrote them without the name of the table."""
    path = list_path(layout, name, version)
    body = inventory.read(layout, path)
    if isinstance(body, dict) and (body["table"], body["version"]) != (name, version):
        raise ValueError(f"{path} has the list of another version")
    rows: list[Any] = body["files"] if isinstance(body, dict) else body
    return rows


def row_counts(layout: Layout, snapshot: Snapshot) -> dict[str, int]:
    """Return the number of rows of each table in a snapshot."""
    names = [name for name in STORED_TABLES if name in TABLES or name in snapshot.tables]
    return {name: sum(f.rows for f in files_of(layout, snapshot, name)) for name in names}


def added_rows(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Return the number of rows that each changed table gained, without derived tables, log and rejects."""
    others = ("data_fetch_log", "rejected_records")
    data_tables = [name for name, spec in STORED_TABLES.items() if name not in others and not spec.derived]
    gained = {name: after.get(name, 0) - before.get(name, 0) for name in data_tables}
    return {name: count for name, count in gained.items() if count}


def prune(
    files: list[DataFile],
    *,
    symbols: list[str] | None = None,
    first: str | None = None,
    last: str | None = None,
) -> list[DataFile]:
    """Return the files that can contain rows of the symbols between two ISO dates.

    A file without ranges can contain any row. Delta may truncate a long maximum, so the upper end of a file's
    symbols is compared by its prefix.
    """
    return [f for f in files if _overlaps(f.dates, first, last) and _contains_any(f.symbols, symbols)]


def _overlaps(span: tuple[str | None, str | None], first: str | None, last: str | None) -> bool:
    low, high = span
    return not ((last and low and low > last) or (first and high and high < first))


def _contains_any(span: tuple[str | None, str | None], symbols: list[str] | None) -> bool:
    low, high = span
    if symbols is None or low is None or high is None:
        return True
    return any(low <= s and s[: len(high)] <= high for s in symbols)


def list_path(layout: Layout, name: str, version: int) -> Path:
    """Return the path of the file list of a table version."""
    return layout.file_lists / f"{name}-{version}.json"


def list_files(folder: Path, spec: TableSpec, version: int) -> list[DataFile]:
    """Return the files of a table version as its Delta log lists them."""
    # Imported here: the Delta library is slow to import, and a reader with stored file lists never needs it.
    from factorlab_lake.storage import delta

    actions = delta.add_actions(folder, version)
    needed = ["path", "num_records", "size_bytes", f"partition.{spec.partition_by}"]
    needed += [f"{end}.{column}" for end in ("min", "max") for column in ("symbol", spec.time_column)]
    # No other column: Python has no day after 9999, and one in a column that is not read would end a commit.
    actions = actions.select(name for name in needed if name in actions.columns)
    return [_data_file(row, spec) for row in actions.iter_rows(named=True)]


def _data_file(row: dict[str, Any], spec: TableSpec) -> DataFile:
    def text(name: str) -> str | None:
        value = row.get(name)
        return None if value is None else str(value)

    return DataFile(
        path=row["path"],
        rows=row["num_records"],
        size_bytes=row["size_bytes"],
        partition=row.get(f"partition.{spec.partition_by}"),
        symbols=(text("min.symbol"), text("max.symbol")),
        dates=(text(f"min.{spec.time_column}"), text(f"max.{spec.time_column}")),
    )


def parquet_rows(spec: TableSpec, folder: Path, files: list[DataFile]) -> str:
    """Return the DuckDB SQL that reads some files of a table; a column that a file lacks is a typed NULL."""
    paths = ", ".join(literal(str(folder / f.path)) for f in files)
    options = "hive_partitioning = false"
    if spec.partition_by:
        kind = spec.column(spec.partition_by).types.duckdb
        options = f"hive_partitioning = true, hive_types = {{{identifier(spec.partition_by)}: {kind}}}"
    missing = _missing_in_files(spec, folder, files)
    if not any(missing):
        return f"read_parquet([{paths}], {options})"
    in_no_file = frozenset.intersection(*missing)
    added = [f"NULL::{c.types.duckdb} AS {identifier(c.name)}" for c in spec.columns if c.name in in_no_file]
    columns = ", ".join(["*", *added])
    rows = f"read_parquet([{paths}], {options}, union_by_name = true)"
    return f"(SELECT {columns} FROM {rows})"  # noqa: S608 - names from the schema, quoted


def _missing_in_files(spec: TableSpec, folder: Path, files: list[DataFile]) -> list[frozenset[str]]:
    """Return the columns that each file lacks; open files only if a column was added to the table."""
    first_types = _first_types(folder / "_delta_log")
    writer = partial(written_by, folder)
    if first_types is not None and not missing_columns(
        spec, first_types, engine="delta", place=str(folder), written_by=writer
    ):
        return []
    return [missing_in_file(spec, folder / f.path) for f in files]


def parquet_schema(file: Path) -> dict[str, pl.DataType]:
    """Return the columns in a data file with their types, which its end lists."""
    options = options_of(file)
    if options is None:
        return pl.read_parquet_schema(file)
    return dict(pl.scan_parquet(str(file), storage_options=options, hive_partitioning=False).collect_schema())


@lru_cache(maxsize=65_536)
def missing_in_file(spec: TableSpec, file: Path) -> frozenset[str]:
    """Return the columns that a data file lacks; the result is cached because a data file never changes.

    Raises :class:`~factorlab_lake.errors.SchemaMismatch` as :func:`missing_columns` does.
    """
    try:
        schema = parquet_schema(file)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return frozenset()  # the reader of the rows reports a missing or damaged file
    stored = {name: kind.base_type().__name__ for name, kind in schema.items()}
    if spec.partition_by:  # the folder's name has the value of this column
        stored[spec.partition_by] = spec.column(spec.partition_by).types.polars
    folder = file.parent.parent if spec.partition_by else file.parent
    writer = partial(written_by, folder)
    return missing_columns(spec, stored, engine="polars", place=str(file), written_by=writer)


def _first_types(log: Path) -> dict[str, str] | None:
    """Return the column types of the table's first version, or None if its log entry is missing.

    Columns are only ever added, so every data file has these columns.
    """
    try:
        lines = (log / f"{0:020d}.json").read_text(encoding="utf-8").splitlines()
        [schema] = [
            action["metaData"]["schemaString"] for line in lines if "metaData" in (action := json.loads(line))
        ]
        return {field["name"]: str(field["type"]) for field in json.loads(schema)["fields"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
