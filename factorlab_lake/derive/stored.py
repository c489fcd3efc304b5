"""Store the derived tables at each commit, and decide which of their rows a reader may use.

A transaction computes the rows of the symbols that it touched, and commits them with the rows that they
follow from. The snapshot names the digest of the SQL that computed them and the versions of their inputs. A
reader uses the stored rows only if both agree; otherwise it computes the rows of the symbols it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import duckdb
import polars as pl

from factorlab_lake.derive.availability_rule import to_rule
from factorlab_lake.derive.computation import buckets_of, compute, computed_rows, in_parts
from factorlab_lake.derive.staleness import settings_digest, stale_symbols
from factorlab_lake.schema import STATEMENT_TABLES, TABLES, TableSpec, table
from factorlab_lake.schema.derived_tables import DERIVED_FROM, DERIVED_TABLES, READ_FOR_DERIVATION
from factorlab_lake.storage import commits, snapshots
from factorlab_lake.storage.data_files import DataFile, files_of, prune
from factorlab_lake.storage.delta import polars_schema
from factorlab_lake.storage.duckdb_frames import release_memory, show_bucket, to_polars
from factorlab_lake.storage.file_rows import read_files
from factorlab_lake.storage.freed_memory import trim_heap
from factorlab_lake.storage.interrupts import interrupts_raised
from factorlab_lake.storage.lake_settings import read_settings
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Derived, Snapshot
from factorlab_lake.storage.transaction import Transaction

_MANY_ROWS = (*STATEMENT_TABLES.values(), "shares_outstanding")  # most rows that a computation reads

__all__ = ["differing_symbols", "rebuild", "store_stale", "transaction", "update"]


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
    That is for runs of many small commits. Raises as :func:`factorlab_lake.storage.commits.transaction`.
    """
    with commits.transaction(
        layout, reason=reason, program_version=program_version, operation=operation, timeout_s=timeout_s
    ) as tx:
        yield tx
        update(tx, later=later)


def update(tx: Transaction, *, later: bool = False) -> None:
    """Compute the derived rows of touched and pending symbols in a transaction.

    A symbol whose rows cannot be computed is pending: the change is committed, and readers compute its rows.
    """
    stale = stale_symbols(tx.layout, tx.base)
    # Symbols that lost all other rows may still have derived ones.
    symbols = (
        tx.touched
        | _decided_by_bars(tx)
        | (_all_symbols(tx) | _stored_symbols(tx) if stale is None else stale)
    )
    if not symbols and stale is not None:
        return
    if later:
        tx.derived = Derived(settings_digest(tx.layout), sorted(symbols))
        return
    failed: list[str] = []
    for part in in_parts(symbols, _rows_of(tx.layout, {n: tx.files(n) for n in _MANY_ROWS}, symbols)):
        failed += _store(tx, part)
    tx.derived = Derived(settings_digest(tx.layout), sorted(failed))


def store_stale(layout: Layout, *, program_version: str) -> None:
    """Compute and commit the derived rows that are not stored yet; without any, nothing is written."""
    if stale_symbols(layout, snapshots.latest(layout)) != frozenset():
        with transaction(layout, reason="derived tables", program_version=program_version):
            pass


def rebuild(tx: Transaction) -> None:
    """Compute and write the derived rows of all symbols again, also where their files are damaged."""
    parts: dict[str, list[pl.DataFrame]] = {name: [] for name in DERIVED_TABLES}
    files = {name: tx.files(name) for name in READ_FOR_DERIVATION}
    symbols = _all_symbols(tx)
    for part in in_parts(symbols, _rows_of(tx.layout, files, symbols)):
        for name, rows in _computed(tx.layout, files, part).items():
            parts[name].append(rows)
    for name, spec in DERIVED_TABLES.items():
        empty = pl.DataFrame(schema=polars_schema(spec))
        tx.rewrite(name, pl.concat([empty, *parts[name]]).sort(spec.sort_by))
    tx.derived = Derived(settings_digest(tx.layout))


def differing_symbols(layout: Layout, snapshot: Snapshot) -> dict[str, list[str]]:
    """Compute the derived rows of a snapshot again; return by table the symbols whose stored rows differ."""
    stale = stale_symbols(layout, snapshot)
    if stale is None:
        return {}
    files = {name: files_of(layout, snapshot, name) for name in TABLES}
    differing: dict[str, list[str]] = {}
    symbols = read_symbols(layout, files) - stale
    for part in in_parts(symbols, _rows_of(layout, files, symbols)):
        for name, rows in _computed(layout, files, part).items():
            stored = read_files(layout, name, files[name], pl.Series(part))
            keys = list(stored.columns)
            other = [
                one.join(two, on=keys, how="anti", nulls_equal=True)["symbol"]
                for one, two in ((stored, rows), (rows, stored))
            ]
            names = pl.concat(other).unique().sort().to_list()
            differing |= {name: differing.get(name, []) + names} if names else {}
    return differing


def _store(tx: Transaction, symbols: Sequence[str]) -> list[str]:
    """Replace the stored rows of some symbols, and return the symbols that failed."""
    files = {name: tx.files(name) for name in READ_FOR_DERIVATION}
    trim_heap()
    try:
        tables = _computed(tx.layout, files, symbols)
    except duckdb.Error:
        if len(symbols) == 1:
            return list(symbols)
        return [s for symbol in symbols for s in _store(tx, [symbol])]
    for name, spec in DERIVED_TABLES.items():
        trim_heap()
        _replace(tx, spec, symbols, tables.pop(name))  # each table is freed when it is written
    return []


def _computed(
    layout: Layout, files: dict[str, list[DataFile]], symbols: Sequence[str]
) -> dict[str, pl.DataFrame]:
    """Compute the derived tables of some symbols from the files of the other tables."""
    with interrupts_raised(), duckdb.connect(":memory:") as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("SET threads = 1")  # so few rows are one part of work, and other threads only wait
        show_bucket(con, layout.root)
        settings = read_settings(layout)
        rule = to_rule(settings.availability)
        for name in READ_FOR_DERIVATION:
            spec = table(name)
            rows = rule.table_view(spec, layout.table(name), prune(files[name], symbols=list(symbols)))
            con.execute(rows)
        compute(con, symbols, settings.provider_order, results_only=True)
        return {name: _taken(con, spec) for name, spec in DERIVED_TABLES.items()}


def _taken(con: duckdb.DuckDBPyConnection, spec: TableSpec) -> pl.DataFrame:
    """Return the rows of a computed table, of which the database then has no copy more."""
    rows = to_polars(con, con.sql(computed_rows(spec))).cast(polars_schema(spec)).sort(spec.sort_by)
    con.execute(f"DROP TABLE temp.{spec.name}")
    release_memory(con)
    return rows


def _replace(tx: Transaction, spec: TableSpec, symbols: Sequence[str], rows: pl.DataFrame) -> None:
    """Replace the rows of some symbols in one derived table, unless they are the same."""
    partitions = sorted(buckets_of(symbols, spec)) if spec.buckets else None
    own = tx.read(spec.name, partitions=partitions, symbols=pl.Series(symbols, dtype=pl.String))
    if own.sort(spec.sort_by).equals(rows):
        return
    if own.is_empty():  # rewriting the other symbols' rows would take the more, the larger the lake is
        tx.append(spec.name, rows)
        return
    others = ~pl.col("symbol").is_in(list(symbols))
    for some in tx.partitions_in_parts(spec.name, partitions):
        stored = tx.read(spec.name, partitions=some or None).filter(others)
        new = rows.filter(pl.col(spec.partition_by).is_in(some)) if spec.partition_by and some else rows
        tx.replace(spec.name, pl.concat([stored, new]).sort(spec.sort_by), some)


def _rows_of(layout: Layout, files: dict[str, list[DataFile]], symbols: Iterable[str]) -> dict[str, int]:
    """Return how many rows decide the derived rows of each symbol."""
    named = pl.Series(sorted(symbols), dtype=pl.String)
    columns = [
        read_files(layout, name, prune(files[name], symbols=named.to_list()), named, columns=["symbol"])
        for name in _MANY_ROWS
    ]
    return dict(pl.concat(columns).group_by("symbol").len().rows())


def _decided_by_bars(tx: Transaction) -> set[str]:
    """Return the symbols with new bars whose companies or units follow from bars, which are few."""
    if not tx.with_new_bars:
        return set()
    stored = tx.read("company_symbols", columns=["symbol", "bars_decide"])
    return tx.with_new_bars & set(stored.filter(pl.col("bars_decide"))["symbol"].to_list())


def _all_symbols(tx: Transaction) -> set[str]:
    return read_symbols(tx.layout, {name: tx.files(name) for name in DERIVED_FROM})


def _stored_symbols(tx: Transaction) -> set[str]:
    columns = [tx.read(name, columns=["symbol"]) for name in DERIVED_TABLES]
    return set(pl.concat(columns)["symbol"].unique().to_list())


def read_symbols(layout: Layout, files: dict[str, list[DataFile]]) -> set[str]:
    """Return all symbols that derived rows can have, from the files of the other tables."""
    columns = [read_files(layout, name, files[name], columns=["symbol"]) for name in DERIVED_FROM]
    return set(pl.concat(columns)["symbol"].unique().to_list())
