"""Read the bars of a few days for the tiles of closes without SQL, for the append of a day."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from factorlab_lake.schema.rules import EPOCH, LAST_DAY
from factorlab_lake.storage.data_files import files_of, prune
from factorlab_lake.storage.file_rows import read_files
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["recent_bars"]

_MOST_ROWS = 500_000  # bounds the memory; SQL reads more rows in parts
_COLUMNS = ["symbol", "date", "close_price", "split_basis_date"]


def recent_bars(layout: Layout, snapshot: Snapshot, days: tuple[int, int]) -> pl.DataFrame | None:
    """Return what ``closes.sql`` returns for the bars of some days, of all symbols; None if only SQL can.

    ``days`` are the first and the last one, in days since 1970-01-01. The snapshot's derived rows are stored.
    A bar without a split between its date and its basis has its own close, and the factor of its interval.
    Any other bar needs the SQL, whose connection takes longer to start than all of this.
    """
    first, last = (EPOCH + timedelta(days=day) for day in days)
    files = files_of(layout, snapshot, "price_data")
    files = prune(files, first=first.isoformat(), last=last.isoformat())
    if sum(file.rows for file in files) > _MOST_ROWS:
        return None
    bars = read_files(layout, "price_data", files, columns=_COLUMNS).filter(
        pl.col("date").is_between(first, last), pl.col("close_price").is_not_null()
    )
    bars = bars.sort("date").join_asof(
        _split_intervals(layout, snapshot),
        left_on="date",
        right_on="from_date",
        by="symbol",
        check_sortedness=False,  # polars warns that it cannot check them by symbol
    )
    basis = pl.col("split_basis_date").fill_null(LAST_DAY)
    same = (basis >= pl.col("from_date")) & (basis < pl.col("to_date"))
    if not bars.select(same.fill_null(value=True).all()).item():
        return None
    return bars.select(
        "symbol",
        day=pl.col("date").cast(pl.Int32),
        close="close_price",
        basis=basis.cast(pl.Int32),
        level=pl.when(pl.col("from_date").is_null())
        .then(1.0)
        .otherwise(pl.col("cumulative_split_factor").fill_null(0)),
    )


def _split_intervals(layout: Layout, snapshot: Snapshot) -> pl.DataFrame:
    """Return the intervals between the splits of all symbols; a symbol without a split has none."""
    files = files_of(layout, snapshot, "split_history")
    columns = ["symbol", "from_date", "to_date", "cumulative_split_factor"]
    return read_files(layout, "split_history", files, columns=columns).sort("from_date")
