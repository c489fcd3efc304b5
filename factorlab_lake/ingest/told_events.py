"""Find the splits and dividends that a source of prices tells in columns of its own."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from factorlab_lake.errors import LakeWarning, counted
from factorlab_lake.ingest.corporate_actions.inferred_splits import INFERRED
from factorlab_lake.ingest.load_checks import RowChecks
from factorlab_lake.ingest.shown_splits import REPORTED_SPLIT, split_events
from factorlab_lake.schema import table
from factorlab_lake.schema.columns import FILE_PROVIDER
from factorlab_lake.schema.rules import SAME_SPLIT_DAYS, SPLIT_RATIO_TOLERANCE
from factorlab_lake.storage.transaction import Transaction

__all__ = ["ToldEvents", "new_splits"]

_SHOWN = 5
_SOURCE = "prices"  # of lower precedence than a list of splits: see told_splits in split_events.sql
_SIDES = ("numerator", "denominator")


@dataclass(slots=True)
class ToldEvents:
    """Collect the events of a source of prices: its splits, and the number of its dividends."""

    dividends: int = 0
    _splits: list[pl.DataFrame] = field(default_factory=list)

    def add(self, rows: pl.DataFrame, amounts: list[str]) -> None:
        """Add the events of a slice; ``amounts`` are its columns of dividends."""
        if REPORTED_SPLIT in rows.columns:
            names = [name for name in ("symbol", "date") if name in rows.columns]
            self._splits.append(split_events(rows.select(*names, ratio=REPORTED_SPLIT)))
        for name in amounts:
            amount = rows[name].cast(pl.Float64, strict=False)
            self.dividends += int((amount.fill_null(0).fill_nan(0) != 0).sum())

    def splits(self, now: datetime) -> pl.DataFrame:
        """Return the splits with the types of their table; raise :class:`InvalidInput` for an impossible one.

        One row per symbol and day: a source of bars in slices may repeat a day.
        """
        checks = RowChecks(table("splits"), now)
        typed = [checks.typed(rows).drop("extra") for rows in self._splits if rows.height]
        checks.raise_faults()
        if not typed:
            return pl.DataFrame()
        return pl.concat(typed).unique(maintain_order=True).with_columns(source=pl.lit(_SOURCE))


def new_splits(tx: Transaction, reported: pl.DataFrame, command: str, *, dry_run: bool) -> pl.DataFrame:
    """Return the told splits that no file told yet, and warn of them and of those of another ratio.

    A split of the lake is the told one if it has its day, or its ratio within a week: lists date splits
    differently. One that only a provider lists is returned too, because a newer list may lack it.
    ``command`` loads all splits of the source.
    """
    if reported.is_empty():
        return reported
    held = tx.read("splits", symbols=reported["symbol"].unique())
    held = held.filter(pl.col("source") != INFERRED, pl.col("retracted_at").is_null())
    pairs = reported.join(
        held.select("symbol", "date", *_SIDES, source_provider_held="source_provider"),
        on="symbol",
        suffix="_held",
    ).with_columns(
        same_day=pl.col("date") == pl.col("date_held"),
        same_ratio=(_ratio() / _ratio("_held") - 1).abs() < SPLIT_RATIO_TOLERANCE,
        near=(pl.col("date") - pl.col("date_held")).abs() <= pl.duration(days=SAME_SPLIT_DAYS),
    )
    known = pairs.filter(pl.col("same_day") | (pl.col("near") & pl.col("same_ratio")))
    fresh = reported.join(known, on=["symbol", "date"], how="anti")
    of_files = known.filter(pl.col("source_provider_held") == FILE_PROVIDER)
    unloaded = reported.join(of_files, on=["symbol", "date"], how="anti")
    other = reported.join(known.filter("same_ratio"), on=["symbol", "date"], how="anti")
    other = other.join(known, on=["symbol", "date"], how="semi")
    if fresh.height:
        to_be = "to be " if dry_run else ""
        _warn(f"{_are(fresh)} {to_be}loaded too: {_listed(fresh)}")
    if other.height:
        _warn(
            f"{_are(other)} not used, because the lake has another ratio for the day: {_listed(other)}; "
            f"`{command}` loads {'it' if other.height == 1 else 'them'} as a list of your own"
        )
    return unloaded


def _ratio(suffix: str = "") -> pl.Expr:
    return pl.col(f"numerator{suffix}") / pl.col(f"denominator{suffix}")


def _are(splits: pl.DataFrame) -> str:
    return f"{counted(splits.height, 'split')} of the source {'is' if splits.height == 1 else 'are'}"


def _listed(splits: pl.DataFrame) -> str:
    rows = splits.sort("symbol", "date").select("symbol", "date", *_SIDES).head(_SHOWN).rows()
    more = f" and {splits.height - _SHOWN} more" if splits.height > _SHOWN else ""
    return ", ".join(f"{symbol} {day} {new:g}:{old:g}" for symbol, day, new, old in rows) + more


def _warn(text: str) -> None:
    warnings.warn(f"price_data: {text}.", LakeWarning, stacklevel=5)
