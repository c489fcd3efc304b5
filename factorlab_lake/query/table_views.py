"""The lake's tables as DuckDB views over a snapshot's data files."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import polars as pl

from factorlab_lake.query.availability_rule import CLOSE, AvailabilityRule
from factorlab_lake.schema import TableSpec
from factorlab_lake.schema.quoting import identifier, literal
from factorlab_lake.storage.data_file import DataFile

__all__ = ["table_view"]


def table_view(
    spec: TableSpec, folder: Path, chosen: list[DataFile], *, availability: AvailabilityRule = CLOSE
) -> str:
    """Return the statement that makes a table's view over some of its files; over none it is empty.

    The rule of availability is applied here and nowhere else: every function reads the tables by their views.
    """
    name = identifier(spec.name)
    if not chosen:
        columns = ", ".join(f"NULL::{c.types.duckdb} AS {identifier(c.name)}" for c in spec.columns)
        return f"CREATE OR REPLACE VIEW {name} AS SELECT {columns} WHERE false"
    columns = availability.select(spec)
    paths = ", ".join(literal(str(folder / f.path)) for f in chosen)
    options = ""
    if spec.partition_by:
        kind = spec.column(spec.partition_by).types.duckdb
        options = f", hive_partitioning = true, hive_types = {{{identifier(spec.partition_by)}: {kind}}}"
    else:
        options = ", hive_partitioning = false"
    rows = _rows(spec, [folder / f.path for f in chosen], f"[{paths}]{options}")
    return f"CREATE OR REPLACE VIEW {name} AS SELECT {columns} FROM {rows}"


def _rows(spec: TableSpec, files: list[Path], arguments: str) -> str:
    """Return what a view reads; a column that no file has, since it was added later, is NULL of its type."""
    wanted = frozenset(c.name for c in spec.columns if c.name != spec.partition_by)
    lacking = [wanted - found for file in files if (found := _columns(str(file))) is not None]
    if not any(lacking):
        return f"read_parquet({arguments})"
    nowhere = frozenset.intersection(*lacking) if len(lacking) == len(files) else frozenset()
    added = [f"NULL::{c.types.duckdb} AS {identifier(c.name)}" for c in spec.columns if c.name in nowhere]
    return f"(SELECT {', '.join(['*', *added])} FROM read_parquet({arguments}, union_by_name = true))"


@lru_cache(maxsize=65_536)
def _columns(file: str) -> frozenset[str] | None:
    """Return the columns of a data file, which never changes; None when its footer cannot be read."""
    try:
        return frozenset(pl.read_parquet_schema(file))
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
