"""Merge typed rows into a lake's tables: append new rows, replace partitions with changed ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import polars as pl

from factorlab_lake.ingest.corporate_actions.adjusted_bars import NO_STEPS, continued, missing_steps
from factorlab_lake.ingest.corporate_actions.events import logged_lists, merged_events
from factorlab_lake.ingest.corporate_actions.inferred_splits import (
    INFERRED,
    in_hundredths,
    inferred_splits,
    is_hundredfold,
)
from factorlab_lake.ingest.corporate_actions.split_basis import (
    BASIS_COLUMNS,
    affected_splits,
    as_stated,
    corrected,
    with_decisive_bars,
    wrong_basis,
    years_around,
)
from factorlab_lake.ingest.corporate_actions.unmoved_bars import (
    UNMOVED_COLUMNS,
    bar_fetches,
    is_unmoved,
    listed_between,
    unmoved_splits,
)
from factorlab_lake.ingest.foreign_listings import symbols_abroad, with_listing
from factorlab_lake.ingest.lost_texts import keep_lost_texts
from factorlab_lake.ingest.profile_history import profile_contents
from factorlab_lake.ingest.reconfirmed import confirmed, logged_fetches
from factorlab_lake.ingest.versions import (
    SAME_PRICES,
    are_distinct,
    distinct_in_time,
    is_loaded,
    number_versions,
    superseded_kind,
)
from factorlab_lake.schema import TABLES, TableSpec, table
from factorlab_lake.schema.columns import FILE_PROVIDER
from factorlab_lake.schema.derived_tables import DERIVED_FROM
from factorlab_lake.schema.rules import MIN_REBASED_BARS
from factorlab_lake.storage.transaction import Transaction

__all__ = ["merge_bars", "merge_events", "merge_rows", "observe_unmoved"]

_IS_LOAD = pl.col("provider") == FILE_PROVIDER  # of lines of the fetch log


def merge_rows(
    tx: Transaction, name: str, rows: pl.DataFrame, now: datetime, log: pl.DataFrame | None = None
) -> None:
    """Merge typed rows (without ``recorded_at``) into one table; merging them again changes nothing."""
    spec = table(name)
    log = tx.read("data_fetch_log") if log is None else log
    if spec.has_events:
        merge_events(tx, spec, rows, now, log)
        return
    if rows.is_empty():
        return
    if name == "price_data":
        merge_bars(tx, [rows], now, log)
    elif "version" in spec.names():
        _merge_versions(tx, spec, _recorded(rows, now), log)
    elif name == "company_profiles":
        _merge_profiles(tx, _recorded(rows, now))
    elif spec.has_intervals:
        _merge_intervals(tx, spec, _recorded(rows, now))
    else:
        _merge_newest(tx, spec, _recorded(rows, now))
    if name == "company_profiles":
        _apply_listings(tx, rows["symbol"])


def _apply_listings(tx: Transaction, symbols: pl.Series) -> None:
    """Correct the available dates of stored rows whose symbol a profile lists abroad."""
    abroad = pl.Series(symbols_abroad(tx, symbols), dtype=pl.String)
    if abroad.is_empty():
        return
    for spec in (s for s in TABLES.values() if "available_date" in s.names() and not s.derived):
        stored = tx.read(spec.name, symbols=abroad)
        _reconcile(tx, spec, stored, with_listing(tx, spec, stored))


def merge_events(
    tx: Transaction,
    spec: TableSpec,
    rows: pl.DataFrame,
    now: datetime,
    log: pl.DataFrame,
    new_log: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Merge events that lists told; ``new_log`` has the lines of the fetch log of the answers with the rows.

    A complete list without an event retracts it, so an empty list counts too. Return the splits over which
    bars do not step, as :func:`missing_steps` does; none for other events.
    """
    lists = logged_lists(log.clear() if new_log is None else new_log, spec)
    symbols = pl.concat([rows["symbol"], lists["symbol"]]).unique()
    if symbols.is_empty():
        return NO_STEPS
    kept = tx.read(spec.name, symbols=symbols)
    stored = kept.filter(pl.col("source") != INFERRED) if spec.name == "splits" else kept
    before = logged_lists(log, spec).filter(pl.col("symbol").is_in(symbols.implode()))
    target = merged_events(spec, stored, _recorded(rows, now), before, lists)
    changed = _reconcile(tx, spec, stored, target)
    if spec.name == "splits":
        tx.touched.update(symbols.to_list())  # the days up to which their splits are known
        return _correct_bases(tx, changed)
    return NO_STEPS


def merge_bars(
    tx: Transaction,
    slices: Iterable[pl.DataFrame],
    now: datetime,
    log: pl.DataFrame,
    keys: Callable[[], pl.DataFrame] | None = None,
) -> pl.DataFrame:
    """Merge bars that arrive in slices; the result is that of one slice with all rows.

    Return the splits near the bars over which they do not step, as :func:`missing_steps` does.

    All rows of a key are in one slice. Consecutive slices of the same years are best for the speed: changed
    rows of a year are replaced once. ``keys`` returns the keys of all slices; one slice needs no function.
    """
    first_days: list[pl.DataFrame] = []
    contested: list[pl.DataFrame] = []
    years: list[int] = []
    for rows in slices:
        first_days.append(rows.group_by("symbol").agg(since=pl.col("date").min()))
        fresh, others = _split_fresh(tx, _recorded(rows, now))
        tx.append("price_data", fresh)
        if contested and rows["year"].unique().sort().to_list() != years:
            _merge_contested(tx, pl.concat(contested), log, keys)
            contested = []
        if not others.is_empty():
            contested.append(others)
            years = rows["year"].unique().sort().to_list()
    if contested:
        _merge_contested(tx, pl.concat(contested), log, keys)
    if first_days:
        since = pl.concat(first_days).group_by("symbol").agg(pl.col("since").min())
        tx.with_new_bars.update(since["symbol"].to_list())
        return _correct_bases(tx, since["symbol"], since)
    return NO_STEPS


def _recorded(rows: pl.DataFrame, now: datetime) -> pl.DataFrame:
    return rows.with_columns(recorded_at=pl.lit(now).cast(pl.Datetime("us", "UTC")))


def _merge_versions(tx: Transaction, spec: TableSpec, rows: pl.DataFrame, log: pl.DataFrame) -> None:
    stored = tx.read(spec.name, symbols=rows["symbol"])
    again = confirmed(stored, rows, log, spec, lambda: stored)
    every = pl.concat([stored, again, rows], how="diagonal_relaxed")
    merged = number_versions(every, spec, lambda some: logged_fetches(some, log, spec))
    _reconcile(tx, spec, stored, with_listing(tx, spec, merged))
    keep_lost_texts(tx, spec, stored, merged)


def _merge_newest(tx: Transaction, spec: TableSpec, rows: pl.DataFrame) -> None:
    """Merge a table that has one row per key, from the newest fetch."""
    stored = tx.read(spec.name, symbols=rows["symbol"] if spec.has_symbols else None)
    key = list(spec.key)
    merged = distinct_in_time(pl.concat([stored, rows], how="diagonal_relaxed"), key, spec)
    _reconcile(tx, spec, stored, merged.unique(key, keep="last", maintain_order=True))


def _merge_profiles(tx: Transaction, rows: pl.DataFrame) -> None:
    """Merge profiles: one table has the newest of each symbol, another all its contents."""
    names = ("company_profiles", "profile_history")
    stored, earlier = (tx.read(name, symbols=rows["symbol"]) for name in names)
    newest, contents = profile_contents(earlier, stored, rows)
    _reconcile(tx, table(names[0]), stored, newest)
    _reconcile(tx, table(names[1]), earlier, contents)
    inferred = tx.read("splits", symbols=rows["symbol"]).filter(pl.col("source") == INFERRED)
    if not inferred.is_empty():
        _with_inferred(tx, inferred["symbol"].unique())


def _merge_intervals(tx: Transaction, spec: TableSpec, rows: pl.DataFrame) -> None:
    """Merge the complete intervals of some symbols: the newest list of a symbol replaces its older one.

    The list of a symbol in a universe is its list in that universe alone.

    Without this, an interval with a corrected start would overlap the wrong one for ever. A list that a user
    loaded stays after a fetch, and replaces a fetched one of any age.
    """
    stored = tx.read(spec.name, symbols=rows["symbol"])
    lists = pl.concat([stored.with_columns(_new=False), rows.with_columns(_new=True)], how="diagonal_relaxed")
    of = spec.interval_of
    loaded = (pl.col("source_provider") == FILE_PROVIDER).fill_null(value=False).alias("_loaded")
    age = (
        lists.group_by(*of, "_new", loaded)
        .agg(pl.col("fetched_at").max())
        .sort(*of, "_loaded", "fetched_at", "_new")
    )
    newest = age.unique(of, keep="last", maintain_order=True).select(*of, "_new")
    target = lists.join(newest, on=[*of, "_new"], how="semi").drop("_new")
    _reconcile(tx, spec, stored, target)


def _split_fresh(tx: Transaction, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the bars that are alone on their key, and the bars that compete with other bars."""
    key = list(table("price_data").key)
    stored = tx.read("price_data", symbols=rows["symbol"], partitions=_years(rows), columns=key)
    distinct = are_distinct(rows, key)
    if stored.is_empty() and distinct:
        return rows, rows.clear()
    present = rows.select(key).join(
        stored.with_columns(_stored=pl.lit(value=True)), on=key, how="left", maintain_order="left"
    )["_stored"]
    alone = present.is_null()
    if not distinct:
        alone &= ~rows.select(pl.struct(key).is_duplicated()).to_series()
    return rows.filter(alone), rows.filter(~alone)


def _merge_contested(
    tx: Transaction,
    contested: pl.DataFrame,
    log: pl.DataFrame,
    keys: Callable[[], pl.DataFrame] | None,
) -> None:
    """Merge bars of days with several bars: one is current, the others are revisions.

    A user's newest bar is current, else that of the newest fetch: a fetch does not undo a correction.
    """
    current, revised = table("price_data"), table("price_revisions")
    key, years = list(current.key), _years(contested)
    days = contested.select(key).unique()
    stored = tx.read("price_data", symbols=days["symbol"], partitions=years).join(days, on=key, how="semi")
    earlier = tx.read("price_revisions", symbols=days["symbol"], partitions=years).join(
        days, on=key, how="semi"
    )

    def everything() -> pl.DataFrame:
        present = tx.read("price_data", symbols=days["symbol"], columns=key)
        return present if keys is None else pl.concat([present, keys()]).unique()

    before = pl.concat([earlier.drop("revision", "change_kind"), as_stated(stored)], how="diagonal_relaxed")
    again = [
        confirmed(before.filter(own), contested.filter(own), log.filter(logged), current, everything)
        for own, logged in ((is_loaded(), _IS_LOAD), (~is_loaded(), ~_IS_LOAD))
    ]
    every = pl.concat([before, *again, contested], how="diagonal_relaxed").with_columns(_loaded=is_loaded())
    merged = distinct_in_time(every, [*key, "_loaded"], current).drop("_loaded")
    merged = merged.with_columns(superseded_kind())
    merged = merged.with_columns(revision=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over(key))
    newest = ~pl.all_horizontal(pl.col(k) == pl.col(k).shift(-1) for k in key).fill_null(value=False)
    _reconcile(tx, current, stored, merged.filter(newest).drop("revision", "change_kind"))
    _reconcile(tx, revised, earlier, merged.filter(~newest))
    keep_lost_texts(tx, current, before, merged)


def _years(rows: pl.DataFrame) -> list[int]:
    return rows["year"].unique().to_list()


def _correct_bases(tx: Transaction, symbols: pl.Series, since: pl.DataFrame | None = None) -> pl.DataFrame:
    """Infer splits from the bars, and correct the basis of bars that a split proves to be on an older one.

    ``since`` has each symbol's first new bar; splits well before it need no second check. Without it the
    splits changed. Corrections that a former split or fewer bars caused are undone first. Return the splits
    over which bars do not step.
    """
    splits = _with_inferred(tx, symbols)
    near = splits if since is None else affected_splits(splits, since)
    _undo_corrections(tx, symbols if since is None else near["symbol"].unique())
    if near.is_empty():
        return NO_STEPS
    tx.touched.update(with_decisive_bars(near))
    near = splits.filter(pl.col("symbol").is_in(near["symbol"].unique().implode()))
    around = tx.read(
        "price_data", symbols=near["symbol"], partitions=years_around(near), columns=BASIS_COLUMNS
    )
    steps = wrong_basis(around, near, splits)
    if not steps.is_empty():
        wrong, right = corrected(tx.read("price_data", symbols=steps["symbol"]), steps)
        _reconcile(tx, table("price_data"), wrong, right)
    missing = missing_steps(around, near.filter(pl.col("source") != INFERRED), splits)
    if missing["is_large"].any():
        bars = tx.read("price_data", symbols=missing.filter("is_large")["symbol"])
        wrong, right = continued(bars, missing)
        _reconcile(tx, table("price_data"), wrong, right)
    return missing


def _undo_corrections(tx: Transaction, symbols: pl.Series) -> None:
    if symbols.is_empty():
        return
    bars = tx.read("price_data", symbols=symbols).filter(pl.col("stated_basis_date").is_not_null())
    if not bars.is_empty():
        _reconcile(tx, table("price_data"), bars, as_stated(bars))


def _with_inferred(tx: Transaction, symbols: pl.Series) -> pl.DataFrame:
    """Update the inferred splits of some symbols, and return all their splits."""
    splits = tx.read("splits", symbols=symbols)
    every = splits.filter(pl.col("source") != INFERRED)
    reported = every.filter(pl.col("retracted_at").is_null())
    former = splits.filter(pl.col("source") == INFERRED, ~is_unmoved())
    kinds = tx.read("price_revisions", symbols=symbols, columns=["symbol", "split_basis_date", "change_kind"])
    several = kinds.filter(pl.col("change_kind") != SAME_PRICES).group_by("symbol", "split_basis_date").len()
    split_symbols = several.filter(pl.col("len") >= MIN_REBASED_BARS)["symbol"].unique()
    if split_symbols.is_empty() and former.is_empty():
        return reported
    revisions = tx.read("price_revisions", symbols=split_symbols)
    current = tx.read("price_data", symbols=split_symbols)
    inferred = inferred_splits(pl.concat([revisions, current], how="diagonal_relaxed"), reported)
    profiles = tx.read("profile_history", symbols=inferred.filter(is_hundredfold())["symbol"])
    inferred = in_hundredths(inferred, profiles).with_columns(event=_next_event(inferred, every))
    _reconcile(tx, table("splits"), former, inferred)
    return pl.concat([reported, inferred])


def observe_unmoved(tx: Transaction, symbols: pl.Series, log: pl.DataFrame) -> None:
    """Update which told splits of some symbols a later fetch of the same bars contradicts.

    Run this after a merge of bars or splits; ``log`` has the lines of the merged fetches too.
    """
    splits = tx.read("splits", symbols=symbols)
    former, others = splits.filter(is_unmoved()), splits.filter(~is_unmoved())
    reported = others.filter(pl.col("source") != INFERRED, pl.col("retracted_at").is_null())
    fetches = bar_fetches(log.filter(pl.col("symbol").is_in(reported["symbol"].unique().implode())))
    candidates = listed_between(reported, fetches)
    if candidates.is_empty() and former.is_empty():
        return
    bars = tx.read("price_data", symbols=candidates["symbol"].unique(), columns=UNMOVED_COLUMNS)
    unmoved = unmoved_splits(candidates, bars, fetches)
    _reconcile(tx, table("splits"), former, unmoved.with_columns(event=_next_event(unmoved, others)))


def _next_event(inferred: pl.DataFrame, reported: pl.DataFrame) -> pl.Series:
    """Return the numbers of inferred events, which follow those of the same day that are reported."""
    highest = reported.group_by("symbol", "date").agg(_last=pl.col("event").max())
    joined = inferred.join(highest, on=["symbol", "date"], how="left", maintain_order="left")
    place = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("symbol", "date")
    return joined.select(pl.col("_last").fill_null(0) + place).to_series().cast(pl.Int32)


def _reconcile(tx: Transaction, spec: TableSpec, stored: pl.DataFrame, target: pl.DataFrame) -> pl.Series:
    """Replace the stored rows by the target rows with few writes, and return the changed symbols."""
    names = [n for n in spec.names() if n != "recorded_at"]
    stored, target = _fingerprint(stored, names), _fingerprint(target.select(spec.names()), names)
    added = target.join(stored, on="_print", how="anti").drop("_print")
    removed = stored.join(target, on="_print", how="anti")
    some = [each["symbol"] for each in (added, removed) if spec.has_symbols]
    changed = pl.concat([pl.Series("symbol", [], pl.String), *some]).unique()
    if spec.name in DERIVED_FROM:
        tx.touched.update(changed.to_list())
    if removed.is_empty():
        tx.append(spec.name, added)
        return changed
    if not spec.partition_by:
        rest = _fingerprint(tx.read(spec.name), names).join(removed, on="_print", how="anti").drop("_print")
        tx.replace(spec.name, pl.concat([rest, added]), [])
        return changed
    part = pl.col(spec.partition_by)
    touched = removed[spec.partition_by].unique().to_list()
    rest = _fingerprint(tx.read(spec.name, partitions=touched), names).join(removed, on="_print", how="anti")
    inside = added.filter(part.is_in(touched))
    tx.replace(spec.name, pl.concat([rest.drop("_print"), inside]), touched)
    tx.append(spec.name, added.filter(~part.is_in(touched)))
    return changed


def _fingerprint(rows: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    return rows.with_columns(rows.select(names).hash_rows(seed=1).alias("_print"))
