"""Warn about rows that were fetched in the future: they win over every value that is fetched before."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta

import polars as pl

from factorlab_lake.errors import LakeWarning, counted
from factorlab_lake.schema.rules import MAX_CLOCK_ERROR_S
from factorlab_lake.storage import data_files, snapshots
from factorlab_lake.storage.file_rows import read_files
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["warn_of_future_rows"]

_CLOCK_ERROR = timedelta(seconds=MAX_CLOCK_ERROR_S)


def warn_of_future_rows(layout: Layout, now: datetime | None = None) -> None:
    """Warn in one line if a clock was ahead when the lake stored rows, and name the remedy."""
    moment, snapshot = now or datetime.now(UTC), snapshots.latest(layout)
    log = read_files(layout, "data_fetch_log", data_files.files_of(layout, snapshot, "data_fetch_log"))
    late = log.filter(pl.max_horizontal("fetch_date", "recorded_at") > moment + _CLOCK_ERROR)
    if late.is_empty():
        return
    newest, first = late.select(pl.col("fetch_date").max(), pl.col("recorded_at").min()).row(0)
    verb = "is" if late.height == 1 else "are"
    warnings.warn(
        f"{counted(late.height, 'line')} of the fetch log {verb} after the present time "
        f"{moment:%Y-%m-%d %H:%M} UTC, up to {newest:%Y-%m-%d %H:%M}: later values do not replace theirs. "
        f"{_remedy(snapshots.history(layout), first)}",
        LakeWarning,
        stacklevel=3,
    )


def _remedy(history: list[Snapshot], first: datetime) -> str:
    """Return what restores the lake, for the time at which the first of these rows was stored."""
    with_rows = next((i for i, s in enumerate(history) if s.time >= first), 0)
    if with_rows == 0 or history[with_rows - 1].vacuumed:
        return "Correct the clock, and fetch into a new lake."
    before = history[with_rows - 1].id
    return f"Correct the clock, run `factorlab-lake rollback --to {before}`, and repeat the runs after it."
