"""Define the commands for bars within the day: load them, and derive daily bars."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from factorlab_lake.cli.app import End, SnapshotAt, Start, open_lake, options
from factorlab_lake.cli.ingest import lake_to_fill

__all__ = ["daily_bars", "load_bars"]


def load_bars(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="A CSV or Parquet file.", show_default=False)],
    *,
    split_basis: Annotated[
        str,
        typer.Option(
            help="own-day for prices as traded, or the day up to which all rows count splits.",
            metavar="own-day|YYYY-MM-DD",
        ),
    ],
    time_zone: Annotated[
        str, typer.Option(help="The time zone of times without an offset.", metavar="NAME")
    ] = "America/New_York",
) -> None:
    """Load bars within the day, such as minute bars.

    The columns are symbol, ts (the start of the bar), open, high, low, close and volume. All rows of all
    files are committed, or none. Loading the same rows again changes nothing.

    Example: factorlab-lake load-bars minutes.parquet --split-basis own-day
    """
    output = options(ctx).output
    output.check_report()
    with lake_to_fill(ctx) as lake:
        report = lake.load_bars([str(file) for file in files], split_basis=split_basis, time_zone=time_zone)
    output.document(asdict(report), report.lines())


def daily_bars(
    ctx: typer.Context,
    *,
    start: Start = None,
    end: End = None,
    all_hours: Annotated[
        bool, typer.Option("--all-hours", help="Use bars before 9:30 and after the close too.")
    ] = False,
    snapshot: SnapshotAt = None,
) -> None:
    """Show the daily bars of the loaded minute bars.

    `--output daily.parquet` writes them, and `load price_data daily.parquet` makes market caps use them.

    Example: factorlab-lake daily-bars --start 2021-02-01
    """
    lake = open_lake(ctx, at=snapshot)
    options(ctx).output.rows(lake.daily_bars(start, end, regular_hours=not all_hours))
