"""Define the commands that check a lake: contents, coverage, freshness, quality, and a page about them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from factorlab_lake.cli import display
from factorlab_lake.cli.app import (
    FAULTS,
    Force,
    OnlySymbols,
    SnapshotAt,
    open_for_queries,
    open_lake,
    options,
)

__all__ = ["coverage", "freshness", "quality", "report", "status"]

_FINDING = (
    "severity", "rule", "symbol", "date", "fiscal_period", "value", "expected", "detail",
)  # fmt: skip
_FRESH = ("symbol", "dataset", "period", "last_date", "expected_next", "overdue_days", "fetched_at")


def status(
    ctx: typer.Context,
    snapshot: SnapshotAt = None,
    migration: Annotated[
        Path | None,
        typer.Option(help="Print the migration progress of this old cache instead.", metavar="DIR"),
    ] = None,
) -> None:
    """Show the tables of the lake.

    Prints one row per table: its rows, files and bytes, and its Delta version.

    With --migration, prints one row per dataset of the old cache: how many files are migrated, changed since,
    missing or unreadable. It also prints the settings of the parallel run, such as FACTORLAB_USE_DATABASE.

    Example: factorlab-lake status
    """
    output = options(ctx).output
    if migration is None:
        output.rows(open_for_queries(ctx, at=snapshot).status())
        return
    lake = open_lake(ctx, at=snapshot)
    from factorlab_lake.legacy.old_cache import migration_status

    datasets = migration_status(lake, migration)
    settings = _parallel_settings(ctx)
    table = display.plain_lines(display.columns_of(datasets, datasets.columns))
    document = {"datasets": datasets.to_dicts(), "flags": settings}
    output.document(document, [*table, *display.flag_lines(settings)])


def _parallel_settings(ctx: typer.Context) -> dict[str, Any]:
    """Return the settings of parallel running, without the paths of the lake and the cache."""
    from factorlab_lake.legacy.parallel.settings import parallel_settings

    chosen = {name: value for name in ("env", "config") if (value := getattr(options(ctx), name)) is not None}
    values: dict[str, Any] = parallel_settings(**chosen).model_dump(
        mode="json", exclude={"lake", "cache_dir", "config", "env"}
    )
    return values


def coverage(
    ctx: typer.Context,
    *,
    missing: Annotated[bool, typer.Option("--missing", help="Print only years with missing data.")] = False,
    snapshot: SnapshotAt = None,
) -> None:
    """Show the years of data of each symbol.

    Prints one row per symbol, dataset and year: the number of days or reports, and how many are missing
    between the first and the last.

    Example: factorlab-lake coverage --missing
    """
    years = open_for_queries(ctx, at=snapshot).coverage()
    options(ctx).output.rows(years.filter(years["missing"] > 0) if missing else years)


def freshness(
    ctx: typer.Context,
    *,
    overdue: Annotated[bool, typer.Option("--overdue", help="Print only overdue datasets.")] = False,
    snapshot: SnapshotAt = None,
) -> None:
    """Show the age of each symbol's data.

    Prints one row per symbol and dataset: the last bar or report, its fetch time, the day when newer data is
    expected, and the days since then.

    Example: factorlab-lake freshness --overdue
    """
    datasets = open_for_queries(ctx, at=snapshot).freshness()
    options(ctx).output.rows(datasets.filter(datasets["overdue"]) if overdue else datasets, _FRESH)


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
    """Find faulty and suspicious data.

    Prints one row per finding, most severe first. If a finding has the severity error, the exit code is 3.

    Example: factorlab-lake quality --symbol AAPL
    """
    lake, output = open_for_queries(ctx, at=snapshot), options(ctx).output
    if rules:
        output.rows(lake.quality_rules())
        return
    rows = lake.quality(symbol, rules=rule, by_symbol=by_symbol)
    output.rows(rows, () if by_symbol else _FINDING)
    if (rows["errors"] > 0).any() if by_symbol else (rows["severity"] == "error").any():
        raise typer.Exit(FAULTS)


def report(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The HTML file to write.", show_default=False)],
    *,
    force: Force = False,
    snapshot: SnapshotAt = None,
) -> None:
    """Write an HTML report about the lake.

    The report shows coverage, freshness, quality, revisions and growth. It is one file without links to
    other files, so any browser can open it. An earlier report is replaced, any other file only with --force.

    Example: factorlab-lake report lake.html
    """
    output = options(ctx).output
    output.check_report()
    lake = open_lake(ctx, at=snapshot)
    path = lake.report(file, force=force)
    document = {"file": str(path), "size_bytes": path.stat().st_size, "snapshot": lake.snapshot.id}
    output.document(document, [f"{path}: {document['size_bytes']:,} bytes, snapshot {lake.snapshot.id}"])
