"""What changed between two snapshots, found from their file lists: files that both have are never read."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl

from factorlab_lake.schema import TABLES, TableSpec, identifier, literal
from factorlab_lake.storage import checksums
from factorlab_lake.storage.data_files import DataFile, files_of, parquet_rows

if TYPE_CHECKING:
    from factorlab_lake.storage.layout import Layout
    from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["difference"]

_MEMORY = "1GB"  # what does not fit is put on disk
_COLUMNS = {
    "table": pl.String,
    "symbol": pl.String,
    "added": pl.Int64,
    "superseded": pl.Int64,
    "removed": pl.Int64,
}


def difference(layout: Layout, before: Snapshot, after: Snapshot) -> pl.DataFrame:
    """Return one row per table and symbol with how many rows were added, superseded and removed."""
    parts = [pl.DataFrame(schema=_COLUMNS)]
    for name, spec in TABLES.items():
        old, new = files_of(layout, before, name), files_of(layout, after, name)
        gone, come = _without(old, new), _without(new, old)
        if gone or come:
            parts.append(_of_table(layout, spec, gone, come))
    return pl.concat(parts)


def _without(files: list[DataFile], others: list[DataFile]) -> list[DataFile]:
    paths = {f.path for f in others}
    return [f for f in files if f.path not in paths]


def _of_table(layout: Layout, spec: TableSpec, gone: list[DataFile], come: list[DataFile]) -> pl.DataFrame:
    old, new = _rows(layout, spec, gone), _rows(layout, spec, come)
    key = ", ".join(map(identifier, dict.fromkeys(["symbol", *spec.key])))
    query = f"""
        WITH gone AS (SELECT {key} FROM ({old} EXCEPT ALL {new})),
             come AS (SELECT {key} FROM ({new} EXCEPT ALL {old})),
             same AS (FROM come INTERSECT ALL FROM gone),
             counted AS (
                 SELECT symbol, 1 AS came, 0 AS went, 0 AS stayed FROM come
                 UNION ALL SELECT symbol, 0, 1, 0 FROM gone
                 UNION ALL SELECT symbol, 0, 0, 1 FROM same)
        SELECT {literal(spec.name)} AS "table", symbol,
               (sum(came) - sum(stayed))::BIGINT AS added, sum(stayed)::BIGINT AS superseded,
               (sum(went) - sum(stayed))::BIGINT AS removed
        FROM counted GROUP BY symbol ORDER BY symbol"""  # noqa: S608 - names from the schema, quoted
    return pl.DataFrame(_asked(layout, spec, query, gone + come), schema=_COLUMNS, orient="row")


def _asked(layout: Layout, spec: TableSpec, query: str, chosen: list[DataFile]) -> list[tuple[Any, ...]]:
    with TemporaryDirectory() as spill, duckdb.connect(":memory:") as con:
        con.execute(f"SET temp_directory = {literal(spill)}")
        con.execute(f"SET memory_limit = {literal(_MEMORY)}")
        con.execute("SET TimeZone = 'UTC'")
        try:
            return con.execute(query).fetchall()
        except duckdb.Error as fault:
            raise checksums.read_error(layout, {spec.name: chosen}, str(fault), sql=query) from None


def _rows(layout: Layout, spec: TableSpec, chosen: list[DataFile]) -> str:
    """Return the query for the rows of some files, with the table's columns in order."""
    names = [(identifier(c.name), c.types.duckdb) for c in spec.columns]
    columns = ", ".join(f"{name}::{kind} AS {name}" for name, kind in names)
    if not chosen:
        empty = ", ".join(f"NULL::{kind} AS {name}" for name, kind in names)
        return f"SELECT {empty} WHERE false"
    rows = parquet_rows(spec, layout.table(spec.name), chosen)
    return f"SELECT {columns} FROM {rows}"  # noqa: S608 - as above
