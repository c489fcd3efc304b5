"""Commands that tell how a lake is: complete, fresh, sound; and the page that shows it all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from factorlab_lake.cli.app import open_lake, options
from factorlab_lake.cli.common_options import OnlySymbols, SnapshotAt
from factorlab_lake.cli.error_handling import FAULTS

__all__ = ["coverage", "freshness", "quality", "report"]

_FINDING = (
    "severity", "rule", "symbol", "date", "fiscal_period", "value", "expected", "detail",
)  # fmt: skip
_FRESH = ("symbol", "dataset", "period", "last_date", "fetched_at", "expected_next", "overdue_days")


def coverage(
    ctx: typer.Context,
    *,
    missing: Annotated[bool, typer.Option("--missing", help="Print only years with missing data.")] = False,
    snapshot: SnapshotAt = None,
) -> None:
    """Show which years of each symbol are held.

    One row per symbol, dataset and year: days or reports held, and those missing between the first and
    the last.

    Example: factorlab-lake coverage --missing
    """
    found = open_lake(ctx, at=snapshot).coverage()
    options(ctx).output.rows(found.filter(found["missing"] > 0) if missing else found)


def freshness(
    ctx: typer.Context,
    *,
    overdue: Annotated[bool, typer.Option("--overdue", help="Print only overdue datasets.")] = False,
    snapshot: SnapshotAt = None,
) -> None:
    """Show how fresh each dataset of each symbol is.

    The last bar or report, when it was fetched, the day from which newer ones can be there, and for how
    many days that has been so.

    Example: factorlab-lake freshness --overdue
    """
    found = open_lake(ctx, at=snapshot).freshness()
    options(ctx).output.rows(found.filter(found["overdue"]) if overdue else found, _FRESH)


def quality(
    ctx: typer.Context,
    *,
    symbol: OnlySymbols = None,
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", help="Check only this rule. Can be repeated.", metavar="RULE"),
    ] = None,
    by_symbol: Annotated[
        bool, typer.Option("--by-symbol", help="Print one score per symbol instead.")
    ] = False,
    rules: Annotated[bool, typer.Option("--rules", help="Print the meaning of each rule instead.")] = False,
    snapshot: SnapshotAt = None,
) -> None:
    """Look for what is wrong, or looks wrong.

    One row per finding, most severe first. Ends with exit code 3 where there is one of severity error.

    Example: factorlab-lake quality --symbol AAPL
    """
    lake, output = open_lake(ctx, at=snapshot), options(ctx).output
    if rules:
        output.rows(lake.quality_rules())
        return
    found = lake.quality(symbol, rules=rule, by_symbol=by_symbol)
    output.rows(found, () if by_symbol else _FINDING)
    if (found["errors"] > 0).any() if by_symbol else (found["severity"] == "error").any():
        raise typer.Exit(FAULTS)


def report(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The page to write.", show_default=False)],
    *,
    snapshot: SnapshotAt = None,
) -> None:
    """Write one HTML page about the lake.

    Coverage, freshness, quality, revisions and growth. It needs nothing else: send it, or open it in any
    browser.

    Example: factorlab-lake report lake.html
    """
    output = options(ctx).output
    output.check_no_csv()
    lake = open_lake(ctx, at=snapshot)
    path = lake.report(file)
    document = {"file": str(path), "size_bytes": path.stat().st_size, "snapshot": lake.snapshot.id}
    output.document(document, [f"{path}: {document['size_bytes']:,} bytes, snapshot {lake.snapshot.id}"])
