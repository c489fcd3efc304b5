"""Read the rows of a table's data files into frames with the table's columns."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from factorlab_lake.schema import table
from factorlab_lake.storage import checksums, delta
from factorlab_lake.storage.bucket_path import options_of
from factorlab_lake.storage.data_files import DataFile, missing_in_file
from factorlab_lake.storage.layout import Layout

__all__ = ["read_files", "read_slices"]


def read_files(
    layout: Layout,
    name: str,
    files: list[DataFile],
    symbols: pl.Series | None = None,
    *,
    columns: list[str] | None = None,
) -> pl.DataFrame:
    """Read data files of one table into a frame with the table's columns, or some of them."""
    no_rows = pl.LazyFrame(schema=delta.polars_schema(table(name)))
    rows = pl.concat([no_rows, *(_scan(layout, name, f) for f in files)])
    if symbols is not None:
        rows = rows.filter(pl.col("symbol").is_in(symbols.implode()))
    return _collect(layout, name, rows if columns is None else rows.select(columns), files)


def read_slices(layout: Layout, name: str, file: DataFile, rows: int) -> Iterator[pl.DataFrame]:
    """Yield the rows of a data file in slices of ``rows`` rows, which bounds the memory."""
    scan = _scan(layout, name, file)
    for first in range(0, file.rows, rows):
        yield _collect(layout, name, scan.slice(first, rows), [file])


def _scan(layout: Layout, name: str, file: DataFile) -> pl.LazyFrame:
    spec, schema = table(name), delta.polars_schema(table(name))
    in_files = {c: t for c, t in schema.items() if c != spec.partition_by}
    part = pl.scan_parquet(
        str(layout.table(name) / file.path),
        storage_options=options_of(layout.root),
        schema=in_files,
        missing_columns="insert",
        extra_columns="ignore",
        hive_partitioning=False,
    )
    if spec.partition_by:
        part = part.with_columns(pl.lit(file.partition, schema[spec.partition_by]).alias(spec.partition_by))
    defaults = [pl.col(c.name).fill_null(c.default) for c in spec.columns if c.default is not None]
    return part.select(schema.names()).with_columns(defaults)


def _collect(layout: Layout, name: str, rows: pl.LazyFrame, files: list[DataFile]) -> pl.DataFrame:
    try:
        return rows.collect()
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        for file in files:
            # Raises if the table has another schema.
            missing_in_file(table(name), layout.table(name) / file.path)
        raise checksums.read_error(layout, {name: files}, str(error).splitlines()[0]) from None
