"""Define the commands that show what a lake contains: symbols, columns, the fetch log and revisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from factorlab_lake.cli.app import OnlySymbols, SnapshotAt, open_for_queries, options

if TYPE_CHECKING:
    import polars as pl

__all__ = ["columns", "log", "revisions", "symbols"]

_LOG = ("fetch_date", "symbol", "data_type", "records_fetched", "success", "error_message", "provider")
_REVISIONS = (
    "symbol", "table_name", "date", "column_name", "old", "new", "kind", "recorded_at",
)  # fmt: skip
Last = Annotated[
    int | None,
    typer.Option("--last", help="Print only so many of the newest rows; a table has 50 by default.", min=1),
]
_LAST = 50


def symbols(ctx: typer.Context, *, snapshot: SnapshotAt = None) -> None:
    """List the symbols of the lake.

    Prints one row per symbol: the dates of its first and last bar, the ends of its first and last fiscal
    period, and its name.

    Example: factorlab-lake symbols
    """
    options(ctx).output.rows(open_for_queries(ctx, at=snapshot).symbols())


def columns(
    ctx: typer.Context,
    table: Annotated[
        str | None, typer.Argument(help="The table, such as price_data. The default is all tables.")
    ] = None,
    *,
    snapshot: SnapshotAt = None,
) -> None:
    """Show the columns of a table: type, unit and meaning.

    Example: factorlab-lake columns price_data
    """
    rows = open_for_queries(ctx, at=snapshot).columns(table)
    one = ("column", "type", "unit", "meaning")
    options(ctx).output.rows(rows, one if table is not None else ("table", *one))


def log(
    ctx: typer.Context, *, symbol: OnlySymbols = None, last: Last = None, snapshot: SnapshotAt = None
) -> None:
    """Show the fetch log, newest first.

    Prints one row per fetch or file: its time, symbol, dataset, status and number of records.

    Example: factorlab-lake log --symbol AAPL --last 5
    """
    rows = open_for_queries(ctx, at=snapshot).fetch_log()
    kept = rows.filter(rows["symbol"].is_in(symbol)) if symbol else rows
    _newest(ctx, kept.reverse(), last, _LOG)


def revisions(
    ctx: typer.Context, *, symbol: OnlySymbols = None, last: Last = None, snapshot: SnapshotAt = None
) -> None:
    """Show values that later data replaced, newest first.

    Prints one row per value: its table, date and column, the old and the new value, and why it changed.

    Example: factorlab-lake revisions --symbol AAPL --last 5
    """
    rows = open_for_queries(ctx, at=snapshot).revisions()
    kept = rows.filter(rows["symbol"].is_in(symbol)) if symbol else rows
    newest = kept.sort("recorded_at", descending=True, maintain_order=True)
    _newest(ctx, newest, last, _REVISIONS)


def _newest(ctx: typer.Context, rows: pl.DataFrame, last: int | None, columns: Sequence[str]) -> None:
    """Print the newest rows. Only a table for people leaves rows out by itself, and says so."""
    output = options(ctx).output
    shown = rows if last is None and not output.shows_table else rows.head(_LAST if last is None else last)
    output.rows(shown, columns)
    if last is None and shown.height < rows.height:
        output.note(f"these are the newest {shown.height:,} of {rows.height:,} rows; --last shows more")
