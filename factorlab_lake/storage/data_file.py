"""One data file: what a reader needs to choose it without opening it, and the columns that it lacks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import polars as pl

from factorlab_lake.schema import TableSpec, identifier, literal
from factorlab_lake.schema.evolution import missing_columns
from factorlab_lake.storage.delta_log import first_types
from factorlab_lake.storage.snapshots import written_by

__all__ = ["DataFile", "missing_in_file", "parquet_rows"]


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet file: path within its table's folder, size, and the ranges of what is inside."""

    path: str
    rows: int
    size_bytes: int
    partition: int | None
    symbols: tuple[str | None, str | None]
    dates: tuple[str | None, str | None]


def parquet_rows(spec: TableSpec, folder: Path, chosen: list[DataFile]) -> str:
    """Return the DuckDB SQL that reads some files of a table; a column that a file lacks is a typed NULL."""
    paths = ", ".join(literal(str(folder / f.path)) for f in chosen)
    options = "hive_partitioning = false"
    if spec.partition_by:
        kind = spec.column(spec.partition_by).types.duckdb
        options = f"hive_partitioning = true, hive_types = {{{identifier(spec.partition_by)}: {kind}}}"
    missing = _missing_in_files(spec, folder, chosen)
    if not any(missing):
        return f"read_parquet([{paths}], {options})"
    nowhere = frozenset.intersection(*missing)
    added = [f"NULL::{c.types.duckdb} AS {identifier(c.name)}" for c in spec.columns if c.name in nowhere]
    columns = ", ".join(["*", *added])
    rows = f"read_parquet([{paths}], {options}, union_by_name = true)"
    return f"(SELECT {columns} FROM {rows})"  # noqa: S608 - names from the schema, quoted


def _missing_in_files(spec: TableSpec, folder: Path, chosen: list[DataFile]) -> list[frozenset[str]]:
    """Return the columns each file lacks; files are opened only where a column was added to the table."""
    at_first = first_types(folder / "_delta_log")
    writer = partial(written_by, folder)
    if at_first is not None and not missing_columns(
        spec, at_first, engine="delta", place=str(folder), written_by=writer
    ):
        return []
    return [missing_in_file(spec, folder / f.path) for f in chosen]


@lru_cache(maxsize=65_536)
def missing_in_file(spec: TableSpec, file: Path) -> frozenset[str]:
    """Return the columns that a data file lacks; the result is cached because a data file never changes.

    Raises :class:`~factorlab_lake.errors.SchemaMismatch` as :func:`missing_columns` does.
    """
    try:
        schema = pl.read_parquet_schema(file)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return frozenset()  # whoever reads the rows names a missing or damaged file
    stored = {name: kind.base_type().__name__ for name, kind in schema.items()}
    if spec.partition_by:  # the folder's name has its value
        stored[spec.partition_by] = spec.column(spec.partition_by).types.polars
    folder = next(parent for parent in file.parents if parent.name == spec.name)
    writer = partial(written_by, folder)
    return missing_columns(spec, stored, engine="polars", place=str(file), written_by=writer)
