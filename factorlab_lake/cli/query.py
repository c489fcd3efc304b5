"""Commands that only read the lake."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from factorlab_lake.cli import display
from factorlab_lake.cli.app import open_lake, options
from factorlab_lake.cli.common_options import AsOf, End, OnlySymbols, SnapshotAt, Start, Symbols, Vintage

__all__ = ["export", "history", "prices", "quarters", "ratios", "sql", "statements", "status"]

# What a person sees of tables that are too wide to read whole.
_QUARTERS = (
    "symbol", "fiscal_date", "derivation", "reason", "revenue", "operating_income", "net_income",
    "operating_cash_flow", "free_cash_flow", "inputs_available_date",
)  # fmt: skip
_RATIOS = (
    "symbol", "fiscal_date", "date", "reason", "market_cap", "pe_ratio", "pb_ratio", "roe", "roa",
    "debt_to_equity", "current_ratio",
)  # fmt: skip
_PRICES = (
    "symbol", "date", "open_price", "high_price", "low_price", "close_price", "volume", "adjusted_close",
    "split_basis_date",
)  # fmt: skip
_ADJUSTED = (
    "symbol", "date", "reason", "open_price", "high_price", "low_price", "close_price", "volume",
    "adjusted_close", "adjusted_close_source",
)  # fmt: skip
_SNAPSHOT = ("id", "created_at", "reason", "pins", "vacuumed", "program_version", "operation", "tables")
_STATEMENTS = (
    "symbol", "statement_type", "fiscal_date", "fiscal_period", "version", "change_kind", "available_date",
    "availability_basis", "metrics",
)  # fmt: skip


def status(
    ctx: typer.Context,
    snapshot: SnapshotAt = None,
    migration: Annotated[
        Path | None,
        typer.Option(help="Print the migration progress of this old cache instead.", metavar="DIR"),
    ] = None,
) -> None:
    """Show what the lake holds.

    One row per table: its rows, files and bytes, and the version of its Delta table. With --migration one
    row per dataset of the old cache: of its files those that have landed, differ from what landed under
    their name, are missing or cannot be read; and who answers, as set by FACTORLAB_USE_DATABASE and others.

    Example: factorlab-lake status
    """
    lake, output = open_lake(ctx, at=snapshot), options(ctx).output
    if migration is None:
        output.rows(lake.status())
        return
    from factorlab_lake.legacy.migration_progress import migration_status

    found = migration_status(lake, migration)
    flags = _flags()
    lines = [*display.plain_lines(display.columns_of(found, found.columns)), *display.flag_lines(flags)]
    output.document({"datasets": found.to_dicts(), "flags": flags}, lines)


def _flags() -> dict[str, Any]:
    """Return who answers in parallel running, without where the lake and the cache are."""
    from factorlab_lake.legacy.parallel.settings import parallel_settings

    given = parallel_settings()
    flags: dict[str, Any] = given.model_dump(mode="json", exclude={"lake", "cache_dir"})
    return flags


def history(ctx: typer.Context) -> None:
    """List the lake's snapshots, oldest first.

    One row per snapshot: what made it, when, and (with --json) which table versions it is made of.
    Pins are the names it was given; of one that was vacuumed the files are gone.

    Example: factorlab-lake history
    """
    import polars as pl

    taken = open_lake(ctx).history()
    rows = [
        asdict(s) | {"created_at": s.time, "tables": json.dumps(s.tables), "pins": " ".join(s.pins)}
        for s in taken
    ]
    types = {"id": pl.Int64(), "created_at": pl.Datetime("us", "UTC"), "vacuumed": pl.Boolean()}
    schema = {name: types.get(name, pl.String()) for name in _SNAPSHOT}
    shown = [*_SNAPSHOT[:3], *(n for n in ("pins", "vacuumed") if any(row[n] for row in rows))]
    options(ctx).output.rows(pl.DataFrame(rows, schema=schema), shown)


def statements(
    ctx: typer.Context,
    symbols: Symbols,
    *,
    start: Start = None,
    end: End = None,
    type: Annotated[  # noqa: A002 - the option's name
        list[str] | None,
        typer.Option("--type", help="income, balance_sheet or cash_flow. Can be repeated.", metavar="TYPE"),
    ] = None,
    as_of: AsOf = None,
    snapshot: SnapshotAt = None,
) -> None:
    """Show statements by the end of their fiscal period.

    Every version of each, or with --as-of the one that was known at that day's close.

    Example: factorlab-lake statements AAPL --type income --as-of 2020-12-31
    """
    given: dict[str, Any] = {"types": type} if type else {}
    found = open_lake(ctx, at=snapshot).statements(symbols, start, end, as_of=as_of, **given)
    options(ctx).output.rows(found, _STATEMENTS)


def prices(
    ctx: typer.Context,
    symbols: Symbols,
    *,
    start: Start = None,
    end: End = None,
    adjusted: Annotated[
        bool,
        typer.Option("--adjusted", help="Adjust prices for splits, and the close for dividends as well."),
    ] = False,
    snapshot: SnapshotAt = None,
) -> None:
    """Show daily bars between two dates.

    As stored, or with --adjusted per share as counted after every split that the lake holds.

    Example: factorlab-lake prices AAPL --start 2021-03-22 --end 2021-03-31
    """
    found = open_lake(ctx, at=snapshot).prices(symbols, start, end, adjusted=adjusted)
    options(ctx).output.rows(found, _ADJUSTED if adjusted else _PRICES)


def quarters(
    ctx: typer.Context,
    symbols: Symbols,
    *,
    start: Start = None,
    end: End = None,
    as_of: AsOf = None,
    vintage: Vintage = "known",
    snapshot: SnapshotAt = None,
) -> None:
    """Show each quarter's flows, reported or derived.

    A quarter that is not reported by itself follows from cumulative figures where they are known. All
    that is known, or with --as-of what was known at that day's close.

    Example: factorlab-lake quarters AAPL --start 2020-01-01 --as-of 2020-12-31
    """
    lake = open_lake(ctx, at=snapshot)
    options(ctx).output.rows(lake.quarters(symbols, start, end, as_of=as_of, vintage=vintage), _QUARTERS)


def ratios(
    ctx: typer.Context, symbols: Symbols, *, start: Start = None, end: End = None, snapshot: SnapshotAt = None
) -> None:
    """Show the factors on the day of each period's filing.

    Example: factorlab-lake ratios AAPL --start 2020-01-01
    """
    options(ctx).output.rows(open_lake(ctx, at=snapshot).ratios(symbols, start, end), _RATIOS)


def sql(
    ctx: typer.Context,
    query: Annotated[
        str, typer.Argument(help="The SQL query for DuckDB, or - to read it from stdin.", show_default=False)
    ],
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param", help="Bind a text value to $name in the query. Can be repeated.", metavar="NAME=VALUE"
        ),
    ] = None,
    snapshot: SnapshotAt = None,
) -> None:
    """Run SQL over the lake's tables and functions.

    Parameters are bound as text; cast them where a date or a number is meant: $d::DATE.

    Example: factorlab-lake sql 'FROM splits WHERE symbol = $s' --param s=AAPL
    """
    given = dict(_pair(p) for p in param or [])
    text = sys.stdin.read() if query == "-" else query
    options(ctx).output.rows(open_lake(ctx, at=snapshot).sql(text, **given))


def export(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file to write. It must not exist.", show_default=False)],
    *,
    symbol: OnlySymbols = None,
    start: Start = None,
    end: End = None,
    snapshot: SnapshotAt = None,
) -> None:
    """Write a DuckDB file with the rows and functions in it.

    It needs neither the lake nor this program: any DuckDB client can open it. --start and --end limit the
    bars.

    Example: factorlab-lake export apple.duckdb --symbol AAPL
    """
    output = options(ctx).output
    output.check_no_csv()
    lake = open_lake(ctx, at=snapshot)
    path = lake.export(file, symbols=symbol, start=start, end=end)
    document = {"file": str(path), "size_bytes": path.stat().st_size, "snapshot": lake.snapshot.id}
    output.document(document, [f"{path}: {document['size_bytes']:,} bytes, snapshot {lake.snapshot.id}"])


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{given!r} is not NAME=VALUE", param_hint="--param")
    return name, value
