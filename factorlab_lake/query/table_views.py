"""The lake's tables as DuckDB views over a snapshot's data files."""

from __future__ import annotations

from pathlib import Path

from factorlab_lake.query.availability_rule import CLOSE, AvailabilityRule
from factorlab_lake.schema import TableSpec
from factorlab_lake.schema.quoting import identifier, literal
from factorlab_lake.storage.data_file import DataFile, missing_in_file

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
    """Return what a view reads; a column that no file has, because it was added later, is a typed NULL."""
    missing = [missing_in_file(spec, file) for file in files]
    if not any(missing):
        return f"read_parquet({arguments})"
    nowhere = frozenset.intersection(*missing)
    added = [f"NULL::{c.types.duckdb} AS {identifier(c.name)}" for c in spec.columns if c.name in nowhere]
    return f"(SELECT {', '.join(['*', *added])} FROM read_parquet({arguments}, union_by_name = true))"
