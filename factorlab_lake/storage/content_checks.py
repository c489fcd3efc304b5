"""Whether the rows of data files are what their table's description, folder and ranges promise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from factorlab_lake.errors import LakeDamaged
from factorlab_lake.schema import TableSpec, table
from factorlab_lake.storage import delta
from factorlab_lake.storage.data_file import DataFile
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.transaction import read_files, read_slices

__all__ = ["faults"]

_ROWS_AT_A_TIME = 65_536
_NO_YEAR = "__HIVE_DEFAULT_PARTITION__"


def faults(layout: Layout, name: str, chosen: list[DataFile], *, deep: bool) -> Iterator[tuple[Path, str]]:
    """Yield the files of one table version whose rows are not as promised, and what is wrong.

    ``deep`` reads every value; else the footers, and of the rows the keys.
    """
    spec, sound = table(name), []
    for file in chosen:
        wrong = list(_of_file(layout, spec, file, deep=deep))
        yield from ((layout.table(name) / file.path, message) for message in wrong)
        sound += [] if wrong else [file]
    yield from _twice(layout, spec, sound)


def _of_file(layout: Layout, spec: TableSpec, file: DataFile, *, deep: bool) -> Iterator[str]:
    path = layout.table(spec.name) / file.path
    try:
        kinds = pl.read_parquet_schema(path)
        yield from _wrong_columns(spec, dict(kinds))
        keys = read_files(layout, spec.name, [file], columns=_columns(spec))
        if deep:
            for _ in read_slices(layout, spec.name, file, _ROWS_AT_A_TIME):
                pass
    except (LakeDamaged, OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as fault:
        yield f"cannot be read: {str(fault).splitlines()[0]}"
        return
    if keys.height != file.rows:
        yield f"has {keys.height} rows instead of {file.rows}"
    yield from _wrong_ranges(spec, file, keys)
    yield from _wrong_partition(spec, file, keys)


def _columns(spec: TableSpec) -> list[str]:
    return list(dict.fromkeys(n for n in ("symbol", *spec.key, spec.time_column) if n))


def _wrong_columns(spec: TableSpec, found: dict[str, pl.DataType]) -> Iterator[str]:
    for name, kind in delta.polars_schema(spec).items():
        if name not in found and name in spec.key:
            yield f"has no column {name}"
        elif name in found and found[name] != kind:
            yield f"has {name} as {found[name]} instead of {kind}"


def _wrong_ranges(spec: TableSpec, file: DataFile, keys: pl.DataFrame) -> Iterator[str]:
    """Rows outside of the ranges by which files are chosen would never be found.

    Delta may cut a long maximum short, and keeps times to the millisecond, so these are compared as far.
    """
    ranges = {"symbol": file.symbols}
    if spec.time_column and spec.column(spec.time_column).kind == "date":
        ranges[spec.time_column] = file.dates
    for name, (low, high) in ranges.items():
        if keys[name].null_count() == keys.height:
            continue
        first, last = str(keys[name].min()), str(keys[name].max())
        if low is not None and first < low:
            yield f"holds {name} {first}, below the least value listed, {low}"
        if high is not None and last[: len(high)] > high:
            yield f"holds {name} {last}, above the greatest value listed, {high}"


def _wrong_partition(spec: TableSpec, file: DataFile, keys: pl.DataFrame) -> Iterator[str]:
    if not spec.partition_by:
        return
    value = _NO_YEAR if file.partition is None else str(file.partition)
    folder = f"{spec.partition_by}={value}"
    if Path(file.path).parts[0] != folder:
        yield f"lies in another folder than {folder}"
    if spec.partition_by == "year" and file.partition is not None:  # the calendar year of the row's date
        years = keys[spec.time_column].dt.year().unique().to_list()
        if years not in ([], [file.partition]):
            yield f"holds rows of other years than {file.partition}: {years}"


def _twice(layout: Layout, spec: TableSpec, chosen: list[DataFile]) -> Iterator[tuple[Path, str]]:
    """Yield a file of each group whose rows share a key; bars share none across years."""
    groups: dict[int | None, list[DataFile]] = {}
    for file in chosen:
        groups.setdefault(file.partition if spec.partition_by == "year" else None, []).append(file)
    for group in groups.values():
        try:
            keys = [read_files(layout, spec.name, [f], columns=list(spec.key)) for f in group]
        except LakeDamaged:
            continue  # said of the file already
        marked = pl.concat([k.with_columns(_file=pl.lit(i)) for i, k in enumerate(keys)])
        repeated = marked.filter(marked.select(spec.key).is_duplicated())
        if not repeated.is_empty():
            row = repeated.sort(spec.key).row(0, named=True)
            file = group[row.pop("_file")]
            yield layout.table(spec.name) / file.path, f"holds a key more than once: {row}"
