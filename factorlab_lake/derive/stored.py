"""Store the derived tables at each commit, and decide which of their rows a reader may use.

A transaction computes the rows of the symbols that it touched, and commits them with the rows that they
follow from. The snapshot names the digest of the SQL that computed them and the versions of their inputs. A
reader uses the stored rows only if both agree; otherwise it computes the rows of the symbols it needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import duckdb
import polars as pl

from factorlab_lake.derive.build import buckets_of, compute, computed_rows, digest, in_parts
from factorlab_lake.schema import TableSpec, identifier, identifiers, table
from factorlab_lake.schema.derived_tables import DERIVED_FROM, DERIVED_TABLES
from factorlab_lake.storage import transaction as transactions
from factorlab_lake.storage.data_files import parquet_rows, prune
from factorlab_lake.storage.delta import polars_schema
from factorlab_lake.storage.duckdb_frames import to_polars
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Derived, Snapshot
from factorlab_lake.storage.transaction import Transaction

__all__ = ["rebuild", "stale_symbols", "transaction", "update"]


@contextmanager
def transaction(
    layout: Layout,
    *,
    reason: str,
    program_version: str,
    operation: str = "",
    timeout_s: float = 60.0,
    later: bool = False,
) -> Iterator[Transaction]:
    """Open a transaction whose commit includes the derived rows of the touched symbols.

    With ``later``, the touched symbols are marked as pending instead, and the next transaction computes them.
    That is for runs of many small commits. Raises as :func:`factorlab_lake.storage.transaction.transaction`.
    """
    with transactions.transaction(
        layout, reason=reason, program_version=program_version, operation=operation, timeout_s=timeout_s
    ) as tx:
        yield tx
        update(tx, later=later)


def stale_symbols(snapshot: Snapshot) -> frozenset[str] | None:
    """Return the symbols whose stored derived rows must not be used; None stands for all symbols."""
    derived = snapshot.derived
    if derived is None or derived.digest != digest():
        # Without a row, nothing is stale.
        return None if any(name in snapshot.tables for name in DERIVED_FROM) else frozenset()
    if derived.inputs != {name: v for name, v in snapshot.tables.items() if name in DERIVED_FROM}:
        return None
    return frozenset(derived.pending)


def update(tx: Transaction, *, later: bool = False) -> None:
    """Compute the derived rows of touched and pending symbols in a transaction.

    A symbol whose rows cannot be computed is pending: the change is committed, and readers compute its rows.
    """
    stale = stale_symbols(tx.base)
    symbols = set(tx.touched) | (_all_symbols(tx) if stale is None else stale)
    if not symbols and stale is not None:
        return
    if later:
        tx.derived = Derived(digest(), sorted(symbols))
        return
    failed: list[str] = []
    for part in in_parts(symbols):
        failed += _store(tx, part)
    tx.derived = Derived(digest(), sorted(failed))


def rebuild(tx: Transaction) -> None:
    """Compute the derived rows of all symbols again."""
    tx.touched.update(_all_symbols(tx))
    update(tx)


def _store(tx: Transaction, symbols: Sequence[str]) -> list[str]:
    """Replace the stored rows of some symbols, and return the symbols that failed."""
    with duckdb.connect(":memory:") as con:
        con.execute("SET TimeZone = 'UTC'")
        _show_inputs(con, tx, symbols)
        try:
            compute(con, symbols)
        except duckdb.Error:
            if len(symbols) == 1:
                return list(symbols)
            return [s for symbol in symbols for s in _store(tx, [symbol])]
        for spec in DERIVED_TABLES.values():
            _replace(tx, spec, symbols, to_polars(con.sql(computed_rows(spec))))
    return []


def _show_inputs(con: duckdb.DuckDBPyConnection, tx: Transaction, symbols: Sequence[str]) -> None:
    for name in DERIVED_FROM:
        spec = table(name)
        files = prune(tx.files(name), symbols=list(symbols))
        if files:
            columns = identifiers(spec.names())
            rows = f"SELECT {columns} FROM {parquet_rows(spec, tx.layout.table(name), files)}"  # noqa: S608
        else:
            empty = ", ".join(f"NULL::{c.types.duckdb} AS {identifier(c.name)}" for c in spec.columns)
            rows = f"SELECT {empty} WHERE false"
        con.execute(f"CREATE OR REPLACE VIEW {identifier(name)} AS {rows}")


def _replace(tx: Transaction, spec: TableSpec, symbols: Sequence[str], rows: pl.DataFrame) -> None:
    """Replace the rows of some symbols in one derived table, unless they are the same."""
    partitions = sorted(buckets_of(symbols, spec)) if spec.buckets else None
    stored = tx.read(spec.name, partitions=partitions)
    touched = pl.col("symbol").is_in(list(symbols))
    rows = rows.cast(polars_schema(spec)).sort(spec.sort_by)
    if stored.filter(touched).sort(spec.sort_by).equals(rows):
        return
    merged = pl.concat([stored.filter(~touched), rows]).sort(spec.sort_by)
    tx.replace(spec.name, merged, partitions or [])


def _all_symbols(tx: Transaction) -> set[str]:
    symbols: set[str] = set()
    for name in DERIVED_FROM:
        with suppress(KeyError):
            symbols.update(tx.read(name, columns=["symbol"])["symbol"].unique().to_list())
    return symbols
