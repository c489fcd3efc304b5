"""Define the commands for research: screens and comparisons of a universe."""

from __future__ import annotations

from typing import Annotated

import typer

from factorlab_lake.cli.app import (
    Dates,
    Define,
    End,
    Freq,
    SnapshotAt,
    Start,
    Symbols,
    open_for_queries,
    options,
)
from factorlab_lake.cli.days import DayArgument, DayOption, one_day
from factorlab_lake.cli.query import definitions

__all__ = ["cross_section", "screen", "seasonality", "trends"]

_CROSS_SECTION = (
    "symbol", "date", "factor", "value", "rank", "percentile", "z_score", "peer_median", "peer_count",
    "group", "reason",
)  # fmt: skip

_TRENDS = (
    "symbol", "fiscal_date", "value", "yoy", "acceleration", "cagr", "slope", "slope_standard_error",
    "reason",
)  # fmt: skip

_Figure = Annotated[str, typer.Argument(help="A factor or line item, such as revenue.", show_default=False)]
_Known = Annotated[str, typer.Option("--as-of", help="The date, such as 2021-03-31.", metavar="DATE")]
_Years = Annotated[int, typer.Option("--years", help="Years to look back, from 2 to 30.")]

Universe = Annotated[
    str | None,
    typer.Option(
        "--universe",
        help="A loaded universe, or a group such as sector:Technology. Default: all held symbols.",
        metavar="NAME",
    ),
]


def screen(
    ctx: typer.Context,
    expression: Annotated[
        str, typer.Argument(help="The condition, such as 'pe_ratio < 15'.", show_default=False)
    ],
    day: DayArgument = None,
    *,
    date: DayOption = None,
    universe: Universe = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", help="Another factor or input to print. Can be repeated.", metavar="NAME"),
    ] = None,
    undecided: Annotated[
        bool, typer.Option("--undecided", help="Print the symbols with a missing figure instead.")
    ] = False,
    snapshot: SnapshotAt = None,
) -> None:
    """Show the symbols for which a condition holds.

    The condition compares factors and inputs of factors, as known at the date's close. --undecided shows the
    symbols of which a figure is missing, with the reasons.

    Example: factorlab-lake screen 'roe > 0.15 and pe_ratio < 35' 2020-12-31
    """
    lake = open_for_queries(ctx, at=snapshot)
    rows = lake.screen(expression, one_day(day, date), universe=universe, columns=column, undecided=undecided)
    options(ctx).output.rows(rows)


def cross_section(
    ctx: typer.Context,
    factor: Annotated[list[str], typer.Argument(help="Factors, such as roe.", show_default=False)],
    *,
    date: Dates = None,
    start: Start = None,
    end: End = None,
    freq: Freq = None,
    universe: Universe = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Compare within each sector, industry or exchange.")
    ] = None,
    define: Define = None,
    snapshot: SnapshotAt = None,
) -> None:
    """Show each value of a factor among its peers.

    Prints rank, percentile, z-score and the median of the peers. Peers are all members of the universe
    on the date, or with --by those of the same group.

    Example: factorlab-lake cross-section roe --date 2020-12-31
    """
    lake = open_for_queries(ctx, at=snapshot)
    rows = lake.cross_section(
        factor,
        date or None,
        start=start,
        end=end,
        freq=freq,
        universe=universe,
        by=by,
        define=definitions(define),
    )
    options(ctx).output.rows(rows, _CROSS_SECTION)


def trends(
    ctx: typer.Context,
    factor: _Figure,
    symbols: Symbols,
    *,
    as_of: _Known,
    years: _Years = 5,
    define: Define = None,
    snapshot: SnapshotAt = None,
) -> None:
    """Show the growth and the trend of a figure at a date.

    Prints the growth over a year and its change, the growth rate over all years, and the slope with its
    error, all as known at the date's close.

    Example: factorlab-lake trends revenue AAPL --as-of 2020-12-31
    """
    lake = open_for_queries(ctx, at=snapshot)
    rows = lake.trends(factor, symbols, as_of, years=years, define=definitions(define))
    options(ctx).output.rows(rows, _TRENDS)


def seasonality(
    ctx: typer.Context,
    factor: _Figure,
    symbols: Symbols,
    *,
    as_of: _Known,
    years: _Years = 5,
    define: Define = None,
    snapshot: SnapshotAt = None,
) -> None:
    """Show the seasonal pattern of a figure at a date.

    Example: factorlab-lake seasonality revenue AAPL --as-of 2020-12-31
    """
    lake = open_for_queries(ctx, at=snapshot)
    rows = lake.seasonality(factor, symbols, as_of, years=years, define=definitions(define))
    options(ctx).output.rows(rows)
