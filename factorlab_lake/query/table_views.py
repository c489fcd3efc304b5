"""The lake's tables as DuckDB views over a snapshot's data files."""

from __future__ import annotations

from pathlib import Path

from factorlab_lake.query.availability_rule import CLOSE, AvailabilityRule
from factorlab_lake.schema import TableSpec, identifier
from factorlab_lake.storage.data_files import DataFile, parquet_rows

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
    rows = parquet_rows(spec, folder, chosen)
    return f"CREATE OR REPLACE VIEW {name} AS SELECT {columns} FROM {rows}"
