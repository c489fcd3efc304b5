"""Compare two snapshots by their file lists; files that both have are not read."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl

from factorlab_lake.schema import STORED_TABLES, TableSpec, identifier, literal
from factorlab_lake.storage import checksums
from factorlab_lake.storage.data_files import DataFile, files_of, parquet_rows
from factorlab_lake.storage.duckdb_frames import show_bucket
from factorlab_lake.storage.interrupts import interrupts_raised

if TYPE_CHECKING:
    from factorlab_lake.storage.layout import Layout
    from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["difference"]

_MEMORY_LIMIT = "1GB"  # DuckDB spills larger data to disk
_COLUMNS = {
    "table": pl.String,
    "symbol": pl.String,
    "added": pl.Int64,
    "superseded": pl.Int64,
    "removed": pl.Int64,
}


def difference(layout: Layout, before: Snapshot, after: Snapshot) -> pl.DataFrame:
    """Return one row per table and symbol with the numbers of rows added, superseded and removed.

    Of exchange rates, the symbol is that of the pair, such as EURUSD.
    """
    changes = [pl.DataFrame(schema=_COLUMNS)]
    for name, spec in STORED_TABLES.items():
        if spec.derived:  # these follow from the tables that are compared
            continue
        old, new = files_of(layout, before, name), files_of(layout, after, name)
        old_only, new_only = _without(old, new), _without(new, old)
        if old_only or new_only:
            changes.append(_table_changes(layout, spec, old_only, new_only))
    return pl.concat(changes)


def _without(files: list[DataFile], others: list[DataFile]) -> list[DataFile]:
    paths = {f.path for f in others}
    return [f for f in files if f.path not in paths]


def _table_changes(
    layout: Layout, spec: TableSpec, old_only: list[DataFile], new_only: list[DataFile]
) -> pl.DataFrame:
    old, new = _rows(layout, spec, old_only), _rows(layout, spec, new_only)
    key = ", ".join(map(identifier, spec.key))
    symbol = "symbol" if spec.has_symbols else "base || quote"
    subject = f"{symbol} AS symbol, {key}" if "symbol" not in spec.key else key
    query = f"""
        WITH old_keys AS (SELECT {subject} FROM ({old} EXCEPT ALL {new})),
             new_keys AS (SELECT {subject} FROM ({new} EXCEPT ALL {old})),
             common_keys AS (FROM new_keys INTERSECT ALL FROM old_keys),
             marked AS (
                 SELECT symbol, 1 AS is_new, 0 AS is_old, 0 AS is_common FROM new_keys
                 UNION ALL SELECT symbol, 0, 1, 0 FROM old_keys
                 UNION ALL SELECT symbol, 0, 0, 1 FROM common_keys)
        SELECT {literal(spec.name)} AS "table", symbol,
               (sum(is_new) - sum(is_common))::BIGINT AS added, sum(is_common)::BIGINT AS superseded,
               (sum(is_old) - sum(is_common))::BIGINT AS removed
        FROM marked GROUP BY symbol ORDER BY symbol"""  # noqa: S608 - names from the schema, quoted
    return pl.DataFrame(_run(layout, spec, query, old_only + new_only), schema=_COLUMNS, orient="row")


def _run(layout: Layout, spec: TableSpec, query: str, files: list[DataFile]) -> list[tuple[Any, ...]]:
    with interrupts_raised(), TemporaryDirectory() as spill, duckdb.connect(":memory:") as con:
        show_bucket(con, layout.root)
        con.execute(f"SET temp_directory = {literal(spill)}")
        con.execute(f"SET memory_limit = {literal(_MEMORY_LIMIT)}")
        con.execute("SET TimeZone = 'UTC'")
        try:
            return con.execute(query).fetchall()
        except duckdb.Error as error:
            raise checksums.read_error(layout, {spec.name: files}, str(error), sql=query) from None


def _rows(layout: Layout, spec: TableSpec, files: list[DataFile]) -> str:
    """Return the query that reads some files with the table's columns in order."""
    names = [(identifier(c.name), c.types.duckdb) for c in spec.columns]
    columns = ", ".join(f"{name}::{kind} AS {name}" for name, kind in names)
    if not files:
        empty = ", ".join(f"NULL::{kind} AS {name}" for name, kind in names)
        return f"SELECT {empty} WHERE false"
    rows = parquet_rows(spec, layout.table(spec.name), files)
    return f"SELECT {columns} FROM {rows}"  # noqa: S608 - as above
