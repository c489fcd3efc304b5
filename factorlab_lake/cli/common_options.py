"""Arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = [
    "AsOf",
    "Cache",
    "Dates",
    "End",
    "Freq",
    "OnlySymbols",
    "SnapshotAt",
    "Start",
    "Symbols",
    "Vintage",
]

Symbols: TypeAlias = Annotated[
    list[str], typer.Argument(help="The symbol, such as AAPL.", metavar="SYMBOL", show_default=False)
]
Dates: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--date", help="The date, such as 2021-03-31. Can be repeated.", metavar="DATE"),
]
Start: TypeAlias = Annotated[str | None, typer.Option("--start", help="First date.", metavar="DATE")]
End: TypeAlias = Annotated[str | None, typer.Option("--end", help="Last date, included.", metavar="DATE")]
Freq: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--freq",
        help="Which dates from start to end: D days, B weekdays, W Fridays, ME, QE, YE ends of months, "
        "quarters, years. ME unless given.",
    ),
]
AsOf: TypeAlias = Annotated[
    str | None,
    typer.Option("--as-of", help="Use only filings that were public at this day's close.", metavar="DATE"),
]
Vintage: TypeAlias = Annotated[
    str,
    typer.Option(
        "--vintage",
        help="Version of restated figures: known (newest at each date), first, latest (hindsight).",
        metavar="VINTAGE",
    ),
]
SnapshotAt: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--snapshot",
        help="Read an earlier snapshot: its id, or a time such as 2026-01-01T00:00:00Z.",
        metavar="ID_OR_TIME",
    ),
]
Cache: TypeAlias = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder of the old cache.", show_default=False)
]
OnlySymbols: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--symbol", help="Use only this symbol. Can be repeated.", metavar="SYMBOL"),
]
