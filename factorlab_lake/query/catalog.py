"""The single file: a DuckDB database that any client can open, with every table and function of a lake.

``lake.duckdb`` in the lake's folder holds views and macros only, over the data files of one snapshot; an
export holds the rows themselves. Both are written beside and renamed into place, so a reader never sees half
of one, and both are of DuckDB's oldest current storage version, so that clients from 1.0 on can open them.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb

from factorlab_lake.errors import AlreadyExists
from factorlab_lake.lake.files import files_of, prune
from factorlab_lake.lake.layout import Layout
from factorlab_lake.lake.snapshots import Snapshot
from factorlab_lake.query.functions import FUNCTIONS, sql_text
from factorlab_lake.query.quoting import identifier, literal
from factorlab_lake.query.views import table_view
from factorlab_lake.schema import TABLES

__all__ = ["CATALOG", "export", "is_current", "write_catalog"]

CATALOG = "lake.duckdb"
_STORAGE = "v1.0.0"


def write_catalog(layout: Layout, snapshot: Snapshot) -> Path:
    """Write ``lake.duckdb`` for a snapshot and return its path."""

    def fill(con: duckdb.DuckDBPyConnection) -> None:
        for name, spec in TABLES.items():
            con.execute(table_view(spec, layout.table(name), files_of(layout, snapshot, name)))
        con.execute(
            "CREATE VIEW lake_snapshot AS SELECT "
            f"{snapshot.id}::BIGINT AS id, {literal(snapshot.created_at)}::TIMESTAMP AS created_at, "
            f"{literal(str(layout.root))} AS path"
        )

    target = layout.root / CATALOG
    _write(target, fill)
    return target


def is_current(layout: Layout, snapshot: Snapshot) -> bool:
    """Say whether ``lake.duckdb`` shows this snapshot, from this place (a moved folder needs a new one)."""
    path = layout.root / CATALOG
    if not path.exists():
        return False
    try:
        with duckdb.connect(str(path), read_only=True) as con:
            found = con.execute("SELECT id, path FROM lake_snapshot").fetchone()
    except duckdb.Error:
        return False
    return found == (snapshot.id, str(layout.root))


def export(
    layout: Layout,
    snapshot: Snapshot,
    target: str | os.PathLike[str],
    *,
    symbols: list[str] | None = None,
    start: date | None = None,
    end: date | None = None,
) -> Path:
    """Write a self-contained copy: the rows of all or some symbols and dates, with every function.

    ``start`` and ``end`` limit bars; statements, splits and the rest come whole, since answers within the
    dates need what was known before them. :class:`AlreadyExists` when the file is there.
    """
    path = Path(target)
    if path.exists():
        raise AlreadyExists(f"{path} exists; give another name, or remove it first.", path=str(path))

    def fill(con: duckdb.DuckDBPyConnection) -> None:
        for name, spec in TABLES.items():
            chosen = files_of(layout, snapshot, name)
            if name in ("price_data", "price_revisions"):
                first, last = (d.isoformat() if d else None for d in (start, end))
                chosen = prune(chosen, symbols=symbols, first=first, last=last)
            con.execute(table_view(spec, layout.table(name), chosen))
            source, kept = identifier(name), f"main.{identifier(f'_{name}')}"
            con.execute(f"CREATE TABLE {kept} AS FROM {source}{_where(name, symbols, start, end)}")
            con.execute(f"DROP VIEW {source}")
            con.execute(f"ALTER TABLE {kept} RENAME TO {source}")

    _write(path, fill)
    return path


def _where(name: str, symbols: list[str] | None, start: date | None, end: date | None) -> str:
    limits = []
    if symbols is not None and "symbol" in TABLES[name].names():
        limits.append(f"symbol IN ({', '.join(map(literal, symbols)) or 'NULL'})")
    if name in ("price_data", "price_revisions"):
        limits += [f"date >= DATE {literal(start.isoformat())}"] if start else []
        limits += [f"date <= DATE {literal(end.isoformat())}"] if end else []
    return f" WHERE {' AND '.join(limits)}" if limits else ""


def _write(target: Path, fill: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        con = duckdb.connect(":memory:")
        try:
            con.execute(f"ATTACH {literal(str(beside))} AS single (STORAGE_VERSION {literal(_STORAGE)})")
            con.execute("USE single")
            fill(con)
            for name in FUNCTIONS:
                con.execute(sql_text(name))
            con.execute("USE memory")
            con.execute("DETACH single")
        finally:
            con.close()
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
