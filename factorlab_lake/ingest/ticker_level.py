"""Read bars of several symbols side by side, as yfinance returns them and pandas writes them to CSV."""

from __future__ import annotations

import re
from typing import Any

import polars as pl

__all__ = ["REPEATED", "TickerLevel", "with_symbols", "without_levels"]

_LEVELS = {"price", "ticker"}
_PAIR = re.compile(
    r"\('([^']*)', '([^']*)'\)"
)  # pandas writes two levels of columns to Parquet as such texts
REPEATED = re.compile(r"_duplicated_\d+$")  # polars numbers the columns of one name


class TickerLevel:
    """Convert the slices of a CSV file whose first lines are the levels of the columns; pass others on.

    The first line has the names of the prices, the second the symbols, or the other way round; the third has
    the name of the days alone.
    """

    def __init__(self) -> None:
        self._columns: list[tuple[str, str]] | None = None  # price and symbol of each column behind the days
        self._is_first = True

    def rows(self, part: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of a slice, one for each day and symbol."""
        if self._is_first:
            self._is_first = False
            self._columns = _levels(part)
            part = part[2:] if self._columns else part
        if self._columns is None:
            return part
        day, *names = part.columns
        return _below_each_other(
            part, [pl.col(day).alias("Date")], dict(zip(names, self._columns, strict=True))
        )


def with_symbols(part: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a Parquet file whose columns have two levels, one for each day and symbol.

    Other frames pass.
    """
    pairs = {name: pair.groups() for name in part.columns if (pair := _PAIR.fullmatch(name))}
    if not pairs:
        return part
    is_price_first = any(first.lower() == "close" for first, _ in pairs.values())
    columns = {name: (a, b) if is_price_first else (b, a) for name, (a, b) in pairs.items()}
    return _below_each_other(part, [pl.col(c) for c in part.columns if c not in pairs], columns)


def _below_each_other(
    part: pl.DataFrame, days: list[pl.Expr], columns: dict[str, tuple[str, str]]
) -> pl.DataFrame:
    """Return one row for each day and symbol; ``columns`` has the price and the symbol of each column."""
    by_symbol: dict[str, dict[str, str]] = {}
    for name, (price, symbol) in columns.items():
        by_symbol.setdefault(symbol, {})[price] = name
    parts = [
        part.select(
            *days, *(pl.col(name).alias(price) for price, name in prices.items()), symbol=pl.lit(symbol)
        )
        for symbol, prices in by_symbol.items()
    ]
    return pl.concat(parts, how="diagonal_relaxed")  # a missing day makes a symbol's volumes decimal numbers


def _levels(part: pl.DataFrame) -> list[tuple[str, str]] | None:
    """Return the price and the symbol of each column; None for a file with one line of headings."""
    if part.height < 2 or part.width < 2:  # noqa: PLR2004  # two lines follow the first
        return None
    first, second, third = (str(text or "").lower() for text in (part.columns[0], part[0, 0], part[1, 0]))
    if {first, second} not in (_LEVELS, {""}) or third not in ("date", "datetime"):  # pandas may name none
        return None
    upper = [REPEATED.sub("", name) for name in part.columns[1:]]
    lower = [str(text) for text in part.row(0)[1:]]
    is_price_first = first == "price" or (not first and "close" in {name.lower() for name in upper})
    prices, symbols = (upper, lower) if is_price_first else (lower, upper)
    return list(zip(prices, symbols, strict=True))


def without_levels(frame: Any) -> Any:
    """Return a pandas frame with plain columns: its index and the symbols become columns; others pass.

    An index without a name is the days if its values are.
    """
    if not hasattr(frame, "reset_index") or not hasattr(frame, "columns"):
        return frame
    index = frame.index
    is_dated = str(getattr(index, "dtype", "")).startswith("datetime64")
    if is_dated and index.name is None:
        frame = frame.rename_axis(index="date")
    names = [name for name in frame.index.names if name is not None]
    levels = getattr(frame.columns, "nlevels", 1)
    if levels == 2:  # noqa: PLR2004  # prices and symbols
        return _side_by_side(frame)
    if names and not set(names) & set(frame.columns):
        return frame.reset_index()
    return frame


def _symbols_at(frame: Any) -> int:
    """Return the level of the symbols where it has no name: the one without the prices."""
    first = {str(name).lower() for name in frame.columns.get_level_values(0)}
    return 1 if "close" in first else 0


def _side_by_side(frame: Any) -> pl.DataFrame:
    names = [str(name).lower() for name in frame.columns.names]
    level = names.index("ticker") if "ticker" in names else _symbols_at(frame)
    parts = []
    for symbol in dict.fromkeys(frame.columns.get_level_values(level)):
        part = frame.xs(symbol, axis=1, level=level).reset_index()
        part.columns = [str(name) for name in part.columns]
        parts.append(pl.DataFrame(part).with_columns(symbol=pl.lit(str(symbol))))
    return pl.concat(parts, how="diagonal_relaxed")
