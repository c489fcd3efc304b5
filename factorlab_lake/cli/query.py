"""Define the commands that query companies: prices, statements, market caps, factors, and SQL."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from factorlab_lake.cli import display
from factorlab_lake.cli.app import (
    AsOf,
    Dates,
    Define,
    End,
    Factor,
    Factors,
    Freq,
    SnapshotAt,
    Start,
    Symbols,
    Vintage,
    open_for_queries,
    options,
)
from factorlab_lake.cli.days import DayArgument, DayOption, chosen_dates, one_day
from factorlab_lake.errors import InvalidInput

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "CAPS",
    "FACTORS",
    "caps",
    "definitions",
    "explain",
    "factors",
    "lookahead",
    "prices",
    "quarters",
    "ratios",
    "sql",
    "statements",
    "ttm",
]

# Answers are too wide for a terminal: a table for people has these columns, --json and --csv have all. The
# answer comes first, so that a narrow terminal shows it; the reason is last and has its place at any width.
_STATEMENTS = (
    "symbol", "statement_type", "fiscal_date", "fiscal_period", "available_date", "version", "change_kind",
    "availability_basis",
)  # fmt: skip
MAIN_ITEMS = {
    "income": ("revenue", "operating_income", "net_income", "eps_diluted"),
    "balance_sheet": ("total_assets", "total_liabilities", "total_stockholders_equity", "total_debt"),
    "cash_flow": ("operating_cash_flow", "capital_expenditure", "free_cash_flow"),
}
_QUARTERS = (
    "symbol", "fiscal_date", "revenue", "operating_income", "net_income", "operating_cash_flow",
    "free_cash_flow", "derivation", "inputs_available_date", "reason",
)  # fmt: skip
_PRICES = (
    "symbol", "date", "close_price", "volume", "open_price", "high_price", "low_price", "adjusted_close",
    "split_basis_date",
)  # fmt: skip
_ADJUSTED = (
    "symbol", "date", "close_price", "adjusted_close", "volume", "open_price", "high_price", "low_price",
    "adjusted_close_source", "reason",
)  # fmt: skip
CAPS = (
    "symbol", "date", "market_cap", "close_price", "shares_outstanding", "price_date", "shares_source",
    "split_factor", "reason",
)  # fmt: skip
_CAPS_IN_CURRENCY = (
    *CAPS[:3], "currency", "close_price", "price_currency", "exchange_rate", "exchange_rate_date", *CAPS[4:]
)  # fmt: skip
_TTM = (
    "symbol", "date", "revenue", "operating_income", "net_income", "operating_cash_flow", "free_cash_flow",
    "fiscal_date", "basis", "reason",
)  # fmt: skip
FACTORS = (
    "symbol", "date", "market_cap", "pe_ratio", "pb_ratio", "roe", "net_margin", "debt_to_equity",
    "current_ratio", "fiscal_date", "reason",
)  # fmt: skip
_RATIOS = (
    "symbol", "fiscal_date", "pe_ratio", "pb_ratio", "roe", "roa", "debt_to_equity", "current_ratio",
    "market_cap", "date", "reason",
)  # fmt: skip
_EXPLAINED = ("step", "value", "sign", "item", "date", "period", "available_date", "note")

_MARKET_CAP = "market_cap"
_WITHOUT_DECIMALS = 100_000  # from this size on, decimals only distract a reader


def _print(ctx: typer.Context, rows: pl.DataFrame, columns: Sequence[str]) -> None:
    """Print answers. A table for people shows only reasons that are about its columns."""
    output = options(ctx).output
    output.rows(display.with_visible_reasons(rows, columns) if output.shows_table else rows, columns)


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
    """Show statements whose fiscal period ends between two dates.

    Prints every version of each statement. With --as-of, it prints the version that was known at that day's
    close.

    Example: factorlab-lake statements AAPL --type income --as-of 2020-12-31
    """
    types: dict[str, Any] = {"types": type} if type else {}
    rows = open_for_queries(ctx, at=snapshot).statements(symbols, start, end, as_of=as_of, **types)
    output = options(ctx).output
    if output.shows_table:
        rows, items = display.with_main_items(rows, MAIN_ITEMS)
        output.rows(rows, (*_STATEMENTS[:4], *items, *_STATEMENTS[4:]))
    else:
        output.rows(rows)


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
    """Show the flows of each quarter, as reported or derived.

    A quarter that was not reported by itself is derived from cumulative figures. With --as-of, only figures
    that were known at that day's close are used.

    Example: factorlab-lake quarters AAPL --start 2020-01-01 --as-of 2020-12-31
    """
    lake = open_for_queries(ctx, at=snapshot)
    _print(ctx, lake.quarters(symbols, start, end, as_of=as_of, vintage=vintage), _QUARTERS)


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

    Prices are printed as stored. With --adjusted, they are per share after all splits in the lake.

    Example: factorlab-lake prices AAPL --start 2021-03-22 --end 2021-03-31
    """
    bars = open_for_queries(ctx, at=snapshot).prices(symbols, start, end, adjusted=adjusted)
    if adjusted:
        _print(ctx, bars, _ADJUSTED)
    else:
        options(ctx).output.rows(bars, _PRICES)


def caps(
    ctx: typer.Context,
    symbols: Symbols,
    *,
    date: Dates = None,
    start: Start = None,
    end: End = None,
    freq: Freq = None,
    vintage: Vintage = "known",
    currency: Annotated[
        str | None,
        typer.Option(
            "--currency",
            help="Convert the caps to one currency, such as USD, by the loaded exchange rates.",
            metavar="CODE",
        ),
    ] = None,
    snapshot: SnapshotAt = None,
) -> None:
    """Show market caps as known at each date.

    Prints one row per symbol and date: close times shares times split factor. If the market cap is unknown,
    the row gives the reason. With --currency, each cap has the exchange rate of the day of its price.

    Example: factorlab-lake caps AAPL GOOGL --start 2020-04-30 --end 2021-03-31
    """
    lake = open_for_queries(ctx, at=snapshot)
    days = chosen_dates(date, start, end, freq)
    rows = lake.market_caps(symbols, days, vintage=vintage, currency=currency)
    _print(ctx, rows, CAPS if currency is None else _CAPS_IN_CURRENCY)


def ttm(
    ctx: typer.Context,
    symbols: Symbols,
    *,
    date: Dates = None,
    start: Start = None,
    end: End = None,
    freq: Freq = None,
    vintage: Vintage = "known",
    snapshot: SnapshotAt = None,
) -> None:
    """Show trailing-twelve-month flows as known at each date.

    Example: factorlab-lake ttm AAPL --date 2020-12-31
    """
    lake = open_for_queries(ctx, at=snapshot)
    rows = lake.ttm(symbols, chosen_dates(date, start, end, freq), vintage=vintage)
    _print(ctx, rows, _TTM)


def factors(
    ctx: typer.Context,
    symbols: Symbols,
    *,
    date: Dates = None,
    start: Start = None,
    end: End = None,
    freq: Freq = None,
    vintage: Vintage = "known",
    factor: Factors = None,
    define: Define = None,
    snapshot: SnapshotAt = None,
) -> None:
    """Show valuation and quality factors as known at each date.

    The command `explain` shows the formula of a factor. An unknown factor is empty, and the column `reasons`
    gives the cause.

    Example: factorlab-lake factors AAPL GOOGL --date 2020-12-31
    """
    lake = open_for_queries(ctx, at=snapshot)
    own = definitions(define)
    days = chosen_dates(date, start, end, freq)
    rows = lake.factors(symbols, days, vintage=vintage, factors=factor, define=own)
    *first, fiscal_date, reason = FACTORS
    shown = dict.fromkeys((*first, *(factor or ()), *own, fiscal_date, reason))
    _print(ctx, rows, [name for name in shown if name in rows.columns])


def definitions(texts: list[str] | None) -> dict[str, str]:
    """Return the user's factors by name; raise :class:`InvalidInput` for a text without a name."""
    named = {}
    for text in texts or []:
        name, separator, expression = text.partition("=")
        if not separator:
            raise InvalidInput(
                f"--define is {text!r}; expected NAME=EXPRESSION, such as "
                "ev_to_sales=enterprise_value/revenue."
            )
        named[name.strip()] = expression.strip()
    return named


def ratios(
    ctx: typer.Context, symbols: Symbols, *, start: Start = None, end: End = None, snapshot: SnapshotAt = None
) -> None:
    """Show the factors on the filing date of each period.

    Example: factorlab-lake ratios AAPL --start 2020-01-01
    """
    _print(ctx, open_for_queries(ctx, at=snapshot).ratios(symbols, start, end), _RATIOS)


def explain(
    ctx: typer.Context,
    factor: Factor,
    symbol: Annotated[str, typer.Argument(help="The symbol, such as AAPL.", show_default=False)],
    day: DayArgument = None,
    date: DayOption = None,
    snapshot: SnapshotAt = None,
) -> None:
    """Show how a market cap or a factor is computed.

    Prints each input with its filings and dates, then the arithmetic.

    Example: factorlab-lake explain pe_ratio AAPL 2020-12-31
    """
    from factorlab_lake.factors.formulas import FACTORS as FORMULAS
    from factorlab_lake.query.arguments import one_of

    one_of(factor, [_MARKET_CAP, *FORMULAS], "factor")
    on = one_day(day, date)
    lake = open_for_queries(ctx, at=snapshot)
    if factor == _MARKET_CAP:
        steps = lake.explain_market_cap(symbol, on)
    else:
        steps = lake.explain_factor(factor, symbol, on)
    output = options(ctx).output
    output.rows(_formatted_values(steps) if output.shows_table else steps, _EXPLAINED)


def _formatted_values(steps: pl.DataFrame) -> pl.DataFrame:
    """Format each value by its own size: one column contains dollars, share counts and ratios."""
    texts = [
        None if v is None else f"{v:,.0f}" if abs(v) >= _WITHOUT_DECIMALS else f"{v:.6g}"
        for v in steps["value"]
    ]
    import polars as pl

    return steps.with_columns(pl.Series("value", texts, dtype=pl.String))


def lookahead(
    ctx: typer.Context,
    factor: Factor,
    symbols: Symbols,
    *,
    date: Dates = None,
    start: Start = None,
    end: End = None,
    freq: Freq = None,
    by_cell: Annotated[bool, typer.Option("--by-cell", help="Print one row per symbol and date.")] = False,
    snapshot: SnapshotAt = None,
) -> None:
    """Show how much hindsight would change a factor.

    Compares the values known at each date with first filings and with the latest figures. Prints how many
    values differ, and by how much.

    Example: factorlab-lake lookahead roe AAPL GOOGL --date 2020-12-31
    """
    lake = open_for_queries(ctx, at=snapshot)
    dates = chosen_dates(date, start, end, freq)
    options(ctx).output.rows(lake.lookahead(factor, symbols, dates, by_cell=by_cell))


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
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox", help="Allow no file but the lake's data, no network, no extension, no setting."
        ),
    ] = False,
) -> None:
    """Run a SQL query on the lake's tables and functions.

    Parameters are bound as text. Cast them to a date or a number in the query: $d::DATE. For a query from
    somebody else, use --sandbox.

    Example: factorlab-lake sql 'FROM splits WHERE symbol = $s' --param s=AAPL
    """
    parameters: dict[str, Any] = dict(_parameter(p) for p in param or [])
    text = sys.stdin.read() if query == "-" else query
    lake = open_for_queries(ctx, at=snapshot, sandbox=sandbox)
    options(ctx).output.rows(lake.sql(text, **parameters))


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--param")
    return name, value
