"""Compare a target with the lake by plain SQL, and change a target as another program would."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import psycopg
from polars.testing import assert_frame_equal

from factorlab_lake.lake import Lake
from factorlab_lake.research.methods import Research
from factorlab_lake.schema import TABLES, TableSpec, identifiers
from factorlab_lake.storage.delta import polars_schema
from factorlab_lake.sync.row_hash import sendable_json

__all__ = ["assert_equal", "by_hand", "consistent", "query_methods", "rows_of"]

_LINES = """
SELECT DISTINCT ON (table_name, batch) table_name, batch, row_count
FROM factorlab_lake_ledger ORDER BY table_name, batch, snapshot DESC
"""


def assert_equal(lake: Lake, url: str) -> None:
    """Fail unless every value of every table is equal in the target and in the lake."""
    for name, spec in TABLES.items():
        expected = lake.sql(f"SELECT {identifiers(spec.names())} FROM {name} ORDER BY {', '.join(spec.key)}")
        actual = rows_of(spec, url)
        assert_frame_equal(_parsed(expected, spec), _parsed(actual, spec), check_exact=True)


def rows_of(spec: TableSpec, url: str) -> pl.DataFrame:
    """Return the rows of a table of the target, ordered by its key, in the lake's types."""
    texts = ", ".join(f'"{c.name}"::text' if c.kind == "json" else f'"{c.name}"' for c in spec.columns)
    with psycopg.connect(url) as con:
        con.execute("SET TIME ZONE 'UTC'")
        rows = con.execute(f"SELECT {texts} FROM {spec.name} ORDER BY {', '.join(spec.key)}".encode())
        return pl.DataFrame(rows.fetchall(), schema=polars_schema(spec), orient="row")


def by_hand(url: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run a statement on a target as another program would; return its rows."""
    with psycopg.connect(url) as con:
        done = con.execute(statement.encode(), values or None)
        return done.fetchall() if done.description else []


def consistent(url: str) -> bool:
    """Return whether every batch has as many rows as its newest ledger line."""
    with psycopg.connect(url) as con:
        if con.execute("SELECT to_regclass('factorlab_lake_ledger')").fetchone() == (None,):
            return True
        lines = con.execute(_LINES).fetchall()
        return all(_count(con, TABLES[table], batch) == rows for table, batch, rows in lines)


def query_methods() -> set[str]:
    """Return the names of all query methods, those of the base classes too."""
    names = {name for name in dir(Research) if name[0] != "_"}
    return {name for name in names if callable(getattr(Research, name))}


def _count(con: psycopg.Connection[Any], spec: TableSpec, batch: str) -> int:
    part = f"coalesce({spec.partition_by}::text, 'null')" if spec.partition_by else "'all'"
    counted = con.execute(f"SELECT count(*) FROM {spec.name} WHERE {part} = %s".encode(), [batch])
    [[count]] = counted.fetchall()
    return int(count)


def _parsed(rows: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Return rows with JSON documents in one form."""
    names = [c.name for c in spec.columns if c.kind == "json"]
    return rows.with_columns(
        pl.Series(n, [None if v is None else _canonical(v) for v in rows[n]], dtype=pl.String) for n in names
    )


def _canonical(text: str) -> str:
    return json.dumps(json.loads(sendable_json(text)), sort_keys=True)
