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
    list[str], typer.Argument(help="Such as AAPL.", metavar="SYMBOL", show_default=False)
]
Dates: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--date", help="A date, such as 2021-03-31; can be repeated.", metavar="DATE"),
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
    str | None, typer.Option("--as-of", help="Only what was public at this day's close.", metavar="DATE")
]
Vintage: TypeAlias = Annotated[
    str,
    typer.Option(
        "--vintage",
        help="Of restated figures: known, the newest at each date; first; or latest, by hindsight.",
        metavar="VINTAGE",
    ),
]
SnapshotAt: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--snapshot",
        help="Ask the lake as it was: a snapshot's id, or a time such as 2026-01-01T00:00:00Z.",
        metavar="ID_OR_TIME",
    ),
]
Cache: TypeAlias = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder of the old cache.", show_default=False)
]
OnlySymbols: TypeAlias = Annotated[
    list[str] | None, typer.Option("--symbol", help="Only this symbol; can be repeated.", metavar="SYMBOL")
]
