"""Commands that answer for each symbol and date, and those that say where such an answer comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from factorlab_lake.cli.app import open_lake, options
from factorlab_lake.cli.common_options import Dates, End, Freq, SnapshotAt, Start, Symbols, Vintage
from factorlab_lake.cli.output import OutputFormat
from factorlab_lake.query.arguments import to_dates

if TYPE_CHECKING:
    import polars as pl

__all__ = ["CAPS", "FACTORS", "caps", "explain", "factors", "lookahead", "ttm"]

# What a person sees of tables that are too wide to read whole.
CAPS = (
    "symbol", "date", "reason", "price_date", "close_price", "shares_outstanding", "split_factor",
    "market_cap", "shares_source",
)  # fmt: skip
FACTORS = (
    "symbol", "date", "reason", "market_cap", "pe_ratio", "pb_ratio", "roe", "net_margin", "debt_to_equity",
    "current_ratio", "fiscal_date",
)  # fmt: skip
_TTM = (
    "symbol", "date", "reason", "fiscal_date", "basis", "revenue", "operating_income", "net_income",
    "operating_cash_flow", "free_cash_flow",
)  # fmt: skip
_EXPLAINED = ("step", "value", "sign", "item", "date", "period", "available_date", "note")
_MARKET_CAP = "market_cap"
_WHOLE = 100_000  # from here on a person reads a number without its decimals


def caps(
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
    """Show market capitalisations as known at each date.

    One row per symbol and date: close times shares times split factor, or why it cannot be known.

    Example: factorlab-lake caps AAPL GOOGL --start 2020-04-30 --end 2021-03-31
    """
    lake = open_lake(ctx, at=snapshot)
    found = lake.market_caps(symbols, date, start=start, end=end, freq=freq, vintage=vintage)
    options(ctx).output.rows(found, CAPS)


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
    lake = open_lake(ctx, at=snapshot)
    found = lake.ttm(symbols, date, start=start, end=end, freq=freq, vintage=vintage)
    options(ctx).output.rows(found, _TTM)


def factors(
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
    """Show valuation and quality factors as known at each date.

    Formulas are in factors/factors.csv; a factor that cannot be known is empty, with the reason.

    Example: factorlab-lake factors AAPL GOOGL --date 2020-12-31
    """
    lake = open_lake(ctx, at=snapshot)
    found = lake.factors(symbols, date, start=start, end=end, freq=freq, vintage=vintage)
    options(ctx).output.rows(found, FACTORS)


def explain(
    ctx: typer.Context,
    factor: Annotated[
        str, typer.Argument(help="market_cap, or a factor such as pe_ratio.", show_default=False)
    ],
    symbol: Annotated[str, typer.Argument(help="The symbol, such as AAPL.", show_default=False)],
    date: Annotated[str, typer.Argument(help="The date, such as 2021-03-31.", show_default=False)],
    snapshot: SnapshotAt = None,
) -> None:
    """Show where a market cap or a factor comes from.

    Each input with its filings and dates, then the arithmetic.

    Example: factorlab-lake explain pe_ratio AAPL 2020-12-31
    """
    lake = open_lake(ctx, at=snapshot)
    if factor == _MARKET_CAP:
        found = lake.explain_market_cap(symbol, date)
    else:
        found = lake.explain_factor(factor, symbol, date)
    output = options(ctx).output
    output.rows(_by_value(found) if output.form is OutputFormat.TABLE else found, _EXPLAINED)


def _by_value(found: pl.DataFrame) -> pl.DataFrame:
    """Write each value by its own size: the rows are of different things, such as dollars and ratios."""
    texts = [None if v is None else f"{v:,.0f}" if abs(v) >= _WHOLE else f"{v:.6g}" for v in found["value"]]
    import polars as pl

    return found.with_columns(pl.Series("value", texts, dtype=pl.String))


def lookahead(
    ctx: typer.Context,
    factor: Annotated[
        str, typer.Argument(help="market_cap, or a factor such as pe_ratio.", show_default=False)
    ],
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

    What was known at each date against first filings, and against the latest figures: how many values
    differ, and by how much.

    Example: factorlab-lake lookahead roe AAPL GOOGL --date 2020-12-31
    """
    lake = open_lake(ctx, at=snapshot)
    asked = to_dates(date, start=start, end=end, freq=freq)
    options(ctx).output.rows(lake.lookahead(factor, symbols, asked, by_cell=by_cell))
