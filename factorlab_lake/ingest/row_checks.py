"""Check the rows of all tables, for load, migrate and fetch alike.

A row needs its key and the values without which it says nothing, such as a bar's close: a fault in these
refuses the row. Any other value that is impossible is missing; its text remains in ``extra``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.availability import impossible_acceptance
from factorlab_lake.schema import PERIOD_MONTHS, Column, TableSpec
from factorlab_lake.schema.limits import MAX_SYMBOL_LENGTH
from factorlab_lake.schema.quote_units import CURRENCY_SPELLINGS, MINOR_UNITS
from factorlab_lake.schema.rules import (
    EARLIEST_DATE,
    MAX_ANNOUNCED_DAYS,
    MAX_FX_RATE,
    MAX_NUMBER,
    MAX_PRICE,
    MAX_SHARES_PER_RECEIPT,
    MAX_SPLIT_PART,
    MAX_SPLIT_RATIO,
    MIN_PRICE,
    MIN_SHARES,
)

__all__ = [
    "RowFault",
    "checked_symbols",
    "currency_spellings",
    "impossible_text",
    "impossible_values",
    "needed_columns",
    "no_symbol",
    "row_faults",
]

_NEEDED = {
    "splits": ("numerator", "denominator"),
    "price_data": ("close_price",),
    "shares_outstanding": ("shares",),
    "vendor_market_caps": ("market_cap",),
    "fx_rates": ("rate",),
}
_POSITIVE = ("numerator", "denominator", "close_price", "shares", "rate")
# The smallest and the largest value that multiplies or divides others.
_BOUNDS: dict[str, tuple[float, float]] = {
    "close_price": (MIN_PRICE, MAX_PRICE),
    "numerator": (1 / MAX_SPLIT_PART, MAX_SPLIT_PART),
    "denominator": (1 / MAX_SPLIT_PART, MAX_SPLIT_PART),
    "shares": (MIN_SHARES, MAX_NUMBER),
    "rate": (1 / MAX_FX_RATE, MAX_FX_RATE),
    "shares_per_receipt": (1 / MAX_SHARES_PER_RECEIPT, MAX_SHARES_PER_RECEIPT),
    **dict.fromkeys(("open_price", "high_price", "low_price", "vwap"), (0.0, MAX_PRICE)),
    **dict.fromkeys(("dividend", "adjusted_dividend"), (0.0, MAX_PRICE)),
    **dict.fromkeys(("volume", "unadjusted_volume"), (0.0, MAX_NUMBER)),
}
_CURRENCIES = ("currency", "reported_currency")
_CODE = r"^[A-Za-z]{3}$"
# Days on which something has happened: none is after the fetch that returned the row.
_PAST = ("fiscal_date", "as_of_date", "filing_date", "split_basis_date", "period_start")
_OBSERVED = ("price_data", "fx_rates")  # tables whose days have happened too
_HEADINGS = ("SYMBOL", "SYMBOLS", "TICKER", "TICKERS")
# A list of symbols, a text in quotes, a formula of Excel, or a character that controls the terminal or the
# direction of text: no exchange has such a symbol.
_NO_SYMBOL = r"^[='\"<]|[,;|\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"


@dataclass(frozen=True, slots=True)
class RowFault:
    """Hold the condition under which a row is refused, its column, and the text of the problem.

    ``column`` may list several columns, such as ``numerator, denominator``.
    """

    column: str
    fails: pl.Expr
    problem: pl.Expr

    def reason(self, missing: str = ": missing") -> pl.Expr:
        """Return the text of the fault, with the wording for a missing value."""
        text = pl.lit(f"{self.column}: ") + self.problem
        return pl.when(self.fails).then(text.str.replace(": missing", missing, literal=True))


def needed_columns(spec: TableSpec) -> list[str]:
    """Return the columns whose values a row needs: its key, and those without which it says nothing."""
    return [*(k for k in spec.key if k not in ("version", "revision", "event")), *_NEEDED.get(spec.name, ())]


def checked_symbols(symbols: Sequence[str]) -> list[str]:
    """Return requested symbols in capitals, each once; raise :class:`InvalidInput` for a text that is none.

    >>> checked_symbols(["aapl", "BRK.B", "AAPL"])
    ['AAPL', 'BRK.B']
    """
    for symbol in symbols:
        is_none = re.search(_NO_SYMBOL, symbol) or symbol.upper() in _HEADINGS
        if is_none or len(symbol) > MAX_SYMBOL_LENGTH:
            raise InvalidInput(
                f"{symbol[:MAX_SYMBOL_LENGTH]!r} is no symbol; pass each symbol by itself, such as AAPL.",
                symbol=symbol,
            )
    return list(dict.fromkeys(symbol.upper() for symbol in symbols))


def no_symbol(symbol: str | pl.Expr = "symbol") -> pl.Expr:
    """Return whether a text is no symbol: a list of symbols, a heading, or control characters."""
    text = pl.col(symbol) if isinstance(symbol, str) else symbol
    too_long = text.str.len_chars() > MAX_SYMBOL_LENGTH
    return too_long | text.str.contains(_NO_SYMBOL) | text.str.to_uppercase().is_in(_HEADINGS)


def currency_spellings(columns: Iterable[str]) -> dict[str, pl.Expr]:
    """Return the expression that spells a currency in the one way that SQL compares, by column.

    Codes are in capitals, except of units that are a hundredth: ``usd`` is USD, ``gbx`` is GBX and ``ZAC`` is
    ZAc. ``GBp`` stays, and every other spelling of these letters is GBP.
    """
    return {name: _spelt(pl.col(name)).alias(name) for name in _CURRENCIES if name in columns}


def _spelt(code: pl.Expr) -> pl.Expr:
    is_code = code.str.contains(_CODE) & ~code.is_in(list(MINOR_UNITS))
    return pl.when(is_code).then(code.str.to_uppercase().replace(CURRENCY_SPELLINGS)).otherwise(code)


def row_faults(spec: TableSpec, columns: list[str], unread: dict[str, pl.Expr]) -> Iterator[RowFault]:
    """Yield the faults that refuse a row; ``columns`` are the row's, with ``fetched_at``.

    ``unread`` has the condition under which a value could not be read, by column: it is not missing as well.
    """
    for name in needed_columns(spec):
        if name in columns:
            missing = pl.col(name).is_null() & ~unread.get(name, pl.lit(value=False)).fill_null(value=False)
            yield RowFault(name, missing, pl.lit("missing"))
    if spec.has_symbols:
        yield RowFault("symbol", no_symbol(), _shown("{} is no symbol", pl.col("symbol").str.slice(0, 60)))
    for name in (n for n in _POSITIVE if n in columns and n in needed_columns(spec)):
        yield RowFault(
            name, pl.col(name) <= 0, _shown("{} is not positive; it must be above 0", pl.col(name))
        )
    yield from _date_faults(spec, columns)
    if "fiscal_period" in spec.key:
        known = ", ".join(PERIOD_MONTHS)
        strange = ~pl.col("fiscal_period").is_in(list(PERIOD_MONTHS))
        yield RowFault(
            "fiscal_period", strange, _shown(f"'{{}}' is not one of {known}", pl.col("fiscal_period"))
        )
    yield from _size_faults(spec, columns)


def impossible_values(spec: TableSpec, columns: list[str]) -> dict[str, pl.Expr]:
    """Return the condition under which a value that a row does not need is impossible, by column.

    The rows have ``fetched_at``.
    """
    needed = needed_columns(spec)
    others = [c for c in spec.columns if c.name in columns and c.name not in needed]
    conditions = {c.name: condition for c in others if (condition := _impossible(c)) is not None}
    if "accepted_at" in conditions:
        conditions["accepted_at"] = impossible_acceptance(spec)
    if "fiscal_year" in columns and "fiscal_date" in columns:
        conditions["fiscal_year"] = (pl.col("fiscal_year") - pl.col("fiscal_date").dt.year()).abs() > 1
    return {name: condition.fill_null(value=False) for name, condition in conditions.items()}


def impossible_text(name: str) -> pl.Expr:
    """Return the text of the fault of an impossible value."""
    if name not in _BOUNDS:
        return _shown("{} is impossible", pl.col(name))
    low, high = _BOUNDS[name]
    return _shown(f"{{}} is not between {low:g} and {high:g}", pl.col(name))


def _impossible(column: Column) -> pl.Expr | None:
    value = pl.col(column.name)
    if column.kind == "number":
        low, high = _BOUNDS.get(column.name, (-MAX_NUMBER, MAX_NUMBER))
        return (value < low) | (value > high)
    if column.kind == "date" and column.name not in ("valid_from", "valid_to"):
        return (value < EARLIEST_DATE) | (value > _last_day(column.name))
    if column.kind == "timestamp" and column.name == "accepted_at":
        return value.is_null()  # a table's rule replaces it
    if column.name in _CURRENCIES:
        return ~value.str.contains(_CODE)
    if column.name == "cik":
        return ~value.str.contains(r"^\d{1,10}$")
    return None


def _date_faults(spec: TableSpec, columns: list[str]) -> Iterator[RowFault]:
    for name in [n for n in spec.key if spec.column(n).kind == "date" and n in columns and n != "valid_from"]:
        day = pl.col(name)
        yield RowFault(name, day < EARLIEST_DATE, _shown(f"{{}} is before {EARLIEST_DATE:%Y}", day))
        is_past = name in _PAST or spec.name in _OBSERVED
        last = _last_day("fiscal_date" if is_past else name)
        far = "after the fetch" if is_past else "too far after the fetch"
        yield RowFault(name, day > last, _shown(f"{{}} is {far}", day))


def _last_day(name: str) -> pl.Expr:
    """Return the last day that a column can have: a day of a zone ahead of UTC, or of an announced event."""
    ahead = 1 if name in _PAST else MAX_ANNOUNCED_DAYS
    return pl.col("fetched_at").dt.date().dt.offset_by(f"{ahead}d")


def _size_faults(spec: TableSpec, columns: list[str]) -> Iterator[RowFault]:
    needed = [name for name in needed_columns(spec) if name in columns]
    for name in (n for n in _POSITIVE if n in needed):
        odd = (pl.col(name) > 0) & ~pl.col(name).is_between(*_BOUNDS[name])
        yield RowFault(name, odd, impossible_text(name))
    if spec.name == "splits" and {"numerator", "denominator"} <= set(columns):
        ratio = pl.col("numerator") / pl.col("denominator")
        whole = (pl.col("numerator") > 0) & (pl.col("denominator") > 0)
        odd = whole & ~ratio.is_between(1 / MAX_SPLIT_RATIO, MAX_SPLIT_RATIO)
        text = _shown("the ratio {}:{} is beyond " + f"{MAX_SPLIT_RATIO}:1", "numerator", "denominator")
        yield RowFault("numerator, denominator", odd, text)
    if "market_cap" in needed:
        odd = pl.col("market_cap").abs() > MAX_NUMBER
        yield RowFault("market_cap", odd, _shown(f"{{}} is above {MAX_NUMBER}", pl.col("market_cap")))


def _shown(text: str, *values: pl.Expr | str) -> pl.Expr:
    return pl.format(text, *((pl.col(v) if isinstance(v, str) else v).cast(pl.String) for v in values))
