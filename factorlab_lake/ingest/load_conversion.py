"""Convert the rows of a source to the columns of a table: names, values, symbol and split basis."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from factorlab_lake.errors import InvalidInput, nearest
from factorlab_lake.ingest.load_facts import item_names, statements_of_facts
from factorlab_lake.ingest.load_headings import ECB, columns_of_table, source_of
from factorlab_lake.ingest.load_options import OWN_DAY, LoadOptions
from factorlab_lake.ingest.published_rates import long_rates
from factorlab_lake.ingest.shown_splits import (
    REPORTED_SPLIT,
    is_split_column,
    reject_contradicted_basis,
    split_events,
    with_reported_splits,
)
from factorlab_lake.ingest.told_events import ToldEvents
from factorlab_lake.schema import STATEMENT_TABLES, TableSpec, table
from factorlab_lake.schema.rules import LEAN_PRICE_UNIT
from factorlab_lake.schema.spec import line_items

__all__ = ["LoadConversion"]

# Sources whose prices and dividends of a day are on the split basis of that day.
_AS_TRADED = ("tiingo", "lean", "alphavantage")
_EVENT_VALUES = {"dividends": ("dividend", "adjusted_dividend"), "splits": ("ratio", "numerator")}
_NO_ADJUSTED = (
    "the source has no Adj Close: with yfinance's auto_adjust=True, Close would be without dividends, and "
    "market caps too small"
)
_BASIS_OF_LOAD = (
    "share counts and per-share figures are read as on the split basis of today; split_basis is another day, "
    "or own-day for figures as filed"
)
_BY_SPLIT = {
    c.name for kind in STATEMENT_TABLES for c in line_items(kind) if c.unit and "share" in str(c.unit)
}
_WITH_BASIS = ("price_data", "shares_outstanding", "dividends")
_WORTHLESS = ("", "null", "nan", "none")  # texts for a bar that a vendor lacks


class LoadConversion:
    """Convert slices of a source to the columns of a table, whatever their headings are.

    ``notes`` says what was left out, by text, and ``reported`` receives the events of a source of prices.
    ``is_long`` says that a row has one item, so that the rows of a statement may be in several slices.
    """

    def __init__(
        self,
        spec: TableSpec,
        options: LoadOptions,
        columns: list[str],
        *,
        file_symbol: str = "",
        reported: ToldEvents | None = None,
    ) -> None:
        self._spec, self._options = spec, options
        renamed = [options.rename.get(name, name) for name in columns]
        self._reject_rename(columns)
        self._source = source_of(renamed, spec)
        self._names = columns_of_table(self._source, spec, renamed)
        self._file_symbol = file_symbol if self._source == "lean" else ""
        self.notes: dict[str, int] = {}
        self._reported = reported or ToldEvents()
        dividends = columns_of_table(self._source, table("dividends"), renamed)
        is_prices = spec.name == "price_data"
        self._amounts = [
            c for c, name in dividends.items() if name in _EVENT_VALUES["dividends"] and is_prices
        ]

    @property
    def is_long(self) -> bool:
        """Return whether each row has one item of a statement."""
        return self._source == "facts"

    def converted(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Return a slice with the table's columns; columns that nothing explains stay as they are."""
        rows = raw.rename(_unique(raw.columns, self._options.rename), strict=False)
        if self._source == ECB:
            return long_rates(rows)
        if self._spec.name == "price_data" and self._source is not None:
            rows = with_reported_splits(rows)
        left_out = [c for c in rows.columns if self._names.get(c) == ""]
        without = [c for c in left_out if c not in self._amounts and not is_split_column(c)]
        if without and self._spec.name not in ("dividends", "splits"):  # their file is one of prices
            text = f"{', '.join(without)} not loaded: no column of the table has {_them(without)}"
            self.notes[text] = self.notes.get(text, 0) + raw.height
        rows = rows.rename(self._renamed(rows.columns))
        if self._spec.name == "price_data":
            self._reported.add(self._with_symbol(rows), self._amounts)
        rows = rows.drop(left_out)
        self._reject_source(rows)
        rows = self._derived(rows)
        return self._with_basis(self._with_symbol(rows)).drop(REPORTED_SPLIT, strict=False)

    def _renamed(self, columns: list[str]) -> dict[str, str]:
        return _unique(columns, {c: self._names[c] for c in columns if self._names.get(c)})

    def _reject_source(self, rows: pl.DataFrame) -> None:
        """Raise :class:`InvalidInput` for a source whose values are not those that the table needs."""
        name = self._spec.name
        has = set(rows.columns)
        if self._source == "yahoo" and name == "price_data" and "adjusted_close" not in has:
            if any(name.strip().lower() == "dividends" for name in self._names):
                raise InvalidInput(
                    "The source has dividends and no Adj Close: yfinance's auto_adjust=True has taken the "
                    "dividends out of Close, so market caps would be too small. Download it with "
                    "auto_adjust=False."
                )
            self.notes[_NO_ADJUSTED] = self.notes.get(_NO_ADJUSTED, 0) + rows.height
        needed = _EVENT_VALUES.get(name, ())
        if self._source is not None and needed and not has.intersection(needed):
            raise InvalidInput(f"The source has no {name}; its columns are {', '.join(rows.columns)}.")
        has_basis = "split_basis_date" in has or self._options.split_basis is not None
        if self._source == "yahoo" and name == "dividends" and not has_basis:
            raise InvalidInput(
                "Yahoo's dividends count the splits up to the download; pass its day as split_basis."
            )
        is_statement = name in STATEMENT_TABLES.values()
        if self._source == "fmp" and is_statement and not has & item_names(name):
            raise InvalidInput(f"The source has no line item of {name}. Load it into another table.")

    def _derived(self, rows: pl.DataFrame) -> pl.DataFrame:
        if self._source == "lean":
            prices = [c for c in rows.columns if c.endswith("_price")]
            day = pl.col("date").str.replace(r"^(\d{4})(\d\d)(\d\d) .*$", "$1-$2-$3")
            rows = rows.with_columns(day, pl.col(prices).cast(pl.Float64, strict=False) / LEAN_PRICE_UNIT)
        if self._source is not None and self._spec.name == "price_data":
            rows = self._without_empty_bars(rows)
        if "ratio" in rows.columns and self._spec.name == "splits":
            rows = split_events(rows)
        if self._source is not None and self._spec.name == "dividends":
            amounts = [c for c in ("dividend", "adjusted_dividend") if c in rows.columns]
            rows = rows.filter(
                pl.any_horizontal(
                    pl.col(c).cast(pl.Float64, strict=False).fill_null(1.0) != 0 for c in amounts
                )
            )
        if self.is_long:
            rows = statements_of_facts(rows, self._spec, self.notes)
        return rows

    def _without_empty_bars(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Leave out days without any price: a frame of several symbols has a row for each day of any."""
        prices = [c for c in rows.columns if c.endswith("_price")]
        empty = pl.all_horizontal(_is_empty(rows, c) for c in prices)
        kept = rows.filter(~empty) if prices else rows
        if kept.height < rows.height:
            text = "bars without any price left out"
            self.notes[text] = self.notes.get(text, 0) + rows.height - kept.height
        return kept

    def _with_symbol(self, rows: pl.DataFrame) -> pl.DataFrame:
        symbol = self._options.symbol or self._file_symbol
        if not symbol:
            return rows
        if "symbol" in rows.columns:
            raise InvalidInput(
                f"The source has a column symbol, and symbol={symbol!r} was passed too; leave one out.",
                symbol=symbol,
            )
        return rows.with_columns(symbol=pl.lit(symbol))

    def _with_basis(self, rows: pl.DataFrame) -> pl.DataFrame:
        options = self._options
        if options.split_basis is None and self._source in _AS_TRADED:
            options = LoadOptions(split_basis=OWN_DAY)
        if self._spec.name in STATEMENT_TABLES.values():
            return self._with_basis_of_filing(rows)
        if options.split_basis is None or self._spec.name not in _WITH_BASIS:
            if self._options.split_basis is not None:
                raise InvalidInput(f"{self._spec.name} has no split basis; leave split_basis out.")
            return rows
        if "split_basis_date" in rows.columns:
            raise InvalidInput(
                "The source has a column split_basis_date, but split_basis was passed too; leave one out."
            )
        day = self._spec.time_column or ""
        if self._spec.name == "price_data":
            chosen = options.split_basis
            reject_contradicted_basis(rows, chosen if isinstance(chosen, date) else None)
        return rows.with_columns(split_basis_date=options.basis_of(day)) if day in rows.columns else rows

    def _with_basis_of_filing(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add the split basis of share counts and per-share figures in statements.

        Facts are as filed, so theirs is the filing date. Other sources do not tell; without a basis it is the
        day of the load.
        """
        basis = self._options.split_basis
        if basis is None and self.is_long and "filing_date" in rows.columns:
            basis = OWN_DAY
        if "split_basis_date" in rows.columns and self._options.split_basis is None:
            return rows
        if basis is None:
            if self._source is not None and _BY_SPLIT.intersection(rows.columns):
                self.notes[_BASIS_OF_LOAD] = self.notes.get(_BASIS_OF_LOAD, 0) + rows.height
            return rows
        if basis == OWN_DAY and "filing_date" not in rows.columns:
            raise InvalidInput("split_basis='own-day' is the filing date here; the source has none.")
        return rows.with_columns(split_basis_date=LoadOptions(split_basis=basis).basis_of("filing_date"))

    def _reject_rename(self, columns: list[str]) -> None:
        for old, new in self._options.rename.items():
            if old not in columns:
                raise InvalidInput(
                    f"The source has no column {old!r} to rename; it has {', '.join(columns)}."
                    f"{nearest(old, columns)}",
                    column=old,
                )
            if new in columns and new not in self._options.rename:
                raise InvalidInput(f"The source has a column {new!r} already; rename {old!r} to another.")


def _unique(columns: list[str], names: Mapping[str, str]) -> dict[str, str]:
    """Return new names of columns; raise :class:`InvalidInput` if two columns would have one name."""
    first: dict[str, str] = {}
    for column in columns:
        name = names.get(column, column)
        if name in first:
            raise InvalidInput(
                f"The columns {first[name]!r} and {column!r} of the source are both {name}; drop one.",
                column=column,
            )
        first[name] = column
    return {old: new for old, new in names.items() if old in columns}


def _them(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _is_empty(rows: pl.DataFrame, column: str) -> pl.Expr:
    value = pl.col(column)
    if rows.schema[column] == pl.String:
        return value.is_null() | value.str.strip_chars().str.to_lowercase().is_in(_WORTHLESS)
    return value.is_null() | value.is_nan() if rows.schema[column].is_float() else value.is_null()
