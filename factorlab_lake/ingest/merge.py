"""Bring typed rows into a lake's tables: what is new is appended, what changes replaces its partition."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from factorlab_lake.ingest.corporate_actions.inferred_splits import INFERRED, inferred_splits
from factorlab_lake.ingest.corporate_actions.split_basis import (
    LOOKED_AT,
    affected_splits,
    corrected,
    wrong_basis,
    years_around,
)
from factorlab_lake.ingest.reconfirmed import confirmed
from factorlab_lake.ingest.versions import SPLIT_REBASE, distinct_in_time, number_versions, superseded_kind
from factorlab_lake.schema import TableSpec, table
from factorlab_lake.storage.transaction import Transaction

__all__ = ["merge_rows"]


def merge_rows(
    tx: Transaction, name: str, rows: pl.DataFrame, now: datetime, log: pl.DataFrame | None = None
) -> None:
    """Merge typed rows of one table (without ``recorded_at``). Landing them twice changes nothing."""
    if rows.is_empty():
        return
    spec = table(name)
    log = tx.read("data_fetch_log") if log is None else log
    rows = rows.with_columns(recorded_at=pl.lit(now).cast(pl.Datetime("us", "UTC")))
    if name == "price_data":
        _merge_bars(tx, rows, log)
    elif "version" in spec.names():
        _merge_versions(tx, spec, rows, log)
    else:
        _merge_newest(tx, spec, rows)
    if name == "price_data":
        _correct_bases(tx, rows["symbol"], rows.group_by("symbol").agg(since=pl.col("date").min()))
    elif name == "splits":
        _correct_bases(tx, rows["symbol"])


def _merge_versions(tx: Transaction, spec: TableSpec, rows: pl.DataFrame, log: pl.DataFrame) -> None:
    held = tx.read(spec.name, symbols=rows["symbol"])
    again = confirmed(held, rows, log, spec, lambda: held)
    merged = number_versions(pl.concat([held, again, rows], how="diagonal_relaxed"), spec)
    _reconcile(tx, spec, held, merged)


def _merge_newest(tx: Transaction, spec: TableSpec, rows: pl.DataFrame) -> None:
    """Tables that keep one row per key: the one fetched last."""
    held = tx.read(spec.name, symbols=rows["symbol"])
    key = list(spec.key)
    # What was inferred gives way to what a provider says, and is inferred again where that leaves a gap.
    given = held.filter(pl.col("source") != INFERRED) if spec.name == "splits" else held
    merged = distinct_in_time(
        pl.concat([given, rows], how="diagonal_relaxed"), key, [pl.col("fetched_at")], spec.names("value")
    )
    _reconcile(tx, spec, held, merged.unique(key, keep="last", maintain_order=True))


def _merge_bars(tx: Transaction, rows: pl.DataFrame, log: pl.DataFrame) -> None:
    """One current bar per symbol and day, the one fetched last; earlier contents go to price_revisions."""
    current, revised = table("price_data"), table("price_revisions")
    key = list(current.key)
    years = rows["year"].unique().to_list()
    held = tx.read("price_data", symbols=rows["symbol"], partitions=years)
    fresh, contested = _split_fresh(rows, held, key)
    tx.append("price_data", fresh)
    if contested.is_empty():
        return
    days = contested.select(key).unique()
    held = held.join(days, on=key, how="semi")
    earlier = tx.read("price_revisions", symbols=days["symbol"], partitions=years).join(
        days, on=key, how="semi"
    )
    before = pl.concat([earlier.drop("revision", "change_kind"), held], how="diagonal_relaxed")
    again = confirmed(before, contested, log, current, lambda: tx.read("price_data", symbols=days["symbol"]))
    merged = distinct_in_time(
        pl.concat([before, again, contested], how="diagonal_relaxed"),
        key,
        [pl.col("fetched_at"), _rebased()],
        current.names("value"),
    ).with_columns(superseded_kind())
    merged = merged.with_columns(revision=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over(key))
    newest = ~pl.all_horizontal(pl.col(k) == pl.col(k).shift(-1) for k in key).fill_null(value=False)
    _reconcile(tx, current, held, merged.filter(newest).drop("revision", "change_kind"))
    _reconcile(tx, revised, earlier, merged.filter(~newest))


def _correct_bases(tx: Transaction, symbols: pl.Series, since: pl.DataFrame | None = None) -> None:
    """Infer splits that only the bars show, and correct the basis of bars that a split shows to be older.

    ``since``: the first day of each symbol from which on bars came; splits well before it stay as settled.
    """
    splits = _with_inferred(tx, symbols)
    near = splits if since is None else affected_splits(splits, since)
    if near.is_empty():
        return
    looked_at = tx.read(
        "price_data", symbols=near["symbol"], partitions=years_around(near), columns=LOOKED_AT
    )
    found = wrong_basis(looked_at, near, splits)
    if not found.is_empty():
        wrong, right = corrected(tx.read("price_data", symbols=found["symbol"]), found)
        _reconcile(tx, table("price_data"), wrong, right)


def _with_inferred(tx: Transaction, symbols: pl.Series) -> pl.DataFrame:
    """Return the splits of some symbols, with those inferred from two fetches brought up to date."""
    splits = tx.read("splits", symbols=symbols)
    reported, held = (splits.filter(s) for s in (pl.col("source") != INFERRED, pl.col("source") == INFERRED))
    revisions = tx.read("price_revisions", symbols=symbols)
    split_symbols = revisions.filter(pl.col("change_kind") == SPLIT_REBASE)["symbol"]
    if split_symbols.is_empty() and held.is_empty():
        return splits
    revisions = revisions.filter(pl.col("symbol").is_in(split_symbols.implode()))
    current = tx.read("price_data", symbols=split_symbols)
    inferred = inferred_splits(pl.concat([revisions, current], how="diagonal_relaxed"), reported)
    _reconcile(tx, table("splits"), held, inferred)
    return pl.concat([reported, inferred])


def _rebased() -> pl.Expr:
    """How far a bar was re-based: of two bars of one fetch, the one that counts more splits is the newer."""
    return pl.col("volume") / pl.col("unadjusted_volume")


def _split_fresh(rows: pl.DataFrame, held: pl.DataFrame, key: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows whose day nobody else speaks about, and the others."""
    if rows.select(key).is_duplicated().any() or not held.is_empty():
        counted = rows.with_columns(_n=pl.len().over(key)).join(
            held.select(*key, pl.lit(value=True).alias("_held")), on=key, how="left"
        )
        alone = (counted["_n"] == 1) & counted["_held"].is_null()
        return rows.filter(alone), rows.filter(~alone)
    return rows, rows.clear()


def _reconcile(tx: Transaction, spec: TableSpec, held: pl.DataFrame, wanted: pl.DataFrame) -> None:
    """Make the held rows into the wanted ones, with as little writing as that takes."""
    names = [n for n in spec.names() if n != "recorded_at"]
    held, wanted = _fingerprint(held, names), _fingerprint(wanted.select(spec.names()), names)
    added = wanted.join(held, on="_print", how="anti").drop("_print")
    removed = held.join(wanted, on="_print", how="anti")
    if removed.is_empty():
        tx.append(spec.name, added)
        return
    if not spec.partition_by:
        rest = _fingerprint(tx.read(spec.name), names).join(removed, on="_print", how="anti").drop("_print")
        tx.replace(spec.name, pl.concat([rest, added]), [])
        return
    part = pl.col(spec.partition_by)
    touched = removed[spec.partition_by].unique().to_list()
    rest = _fingerprint(tx.read(spec.name, partitions=touched), names).join(removed, on="_print", how="anti")
    inside = added.filter(part.is_in(touched))
    tx.replace(spec.name, pl.concat([rest.drop("_print"), inside]), touched)
    tx.append(spec.name, added.filter(~part.is_in(touched)))


def _fingerprint(rows: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    return rows.with_columns(rows.select(names).hash_rows(seed=1).alias("_print"))
