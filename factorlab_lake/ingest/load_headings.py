"""Read files as their vendors write them: rename the headings, and derive what the lake's columns need.

``load_headings.csv`` has the headings in small letters. A heading without a column is known and has no place
in the table. Headings of FMP come from the vendor's own list of fields.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from functools import cache
from importlib.resources import files

import polars as pl

from factorlab_lake.errors import InvalidInput, check_type, nearest
from factorlab_lake.ingest.csv_dialect import DECIMAL_SIGNS
from factorlab_lake.ingest.published_rates import is_wide_rates, long_rates
from factorlab_lake.ingest.shown_splits import REPORTED_SPLIT, reject_contradicted_basis, with_reported_splits
from factorlab_lake.providers.records import fields as fmp_fields
from factorlab_lake.schema import DATASETS, STATEMENT_TABLES, TableSpec
from factorlab_lake.schema.rules import LEAN_PRICE_UNIT
from factorlab_lake.schema.spec import line_items

__all__ = ["OWN_DAY", "Headings", "LoadOptions"]

OWN_DAY = "own-day"
_AS_TRADED = (
    "tiingo",
    "lean",
    "alphavantage",
)  # prices and dividends of a day are on the split basis of that day
# The headings by which a source is recognised, in the order in which the sources are tried.
_SIGNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("lean", ("lean_time",)),
    ("tiingo", ("date", "divcash", "splitfactor")),
    ("alphavantage", ("timestamp", "close", "split_coefficient")),
    ("facts", ("item", "value")),
    ("fmp statement", ("date", "period", "reportedcurrency")),
    ("fmp price", ("date", "close", "changepercent")),
    ("yahoo", ("date", "close")),
    ("yahoo", ("datetime", "close")),
    ("yahoo", ("date", "dividends")),
    ("yahoo", ("date", "stock splits")),
)
_ECB = "ecb"  # the columns of its file are the currencies, so no list has its headings
_SIDES = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?::|/|-?for-?)\s*(\d+(?:\.\d+)?)\s*", re.IGNORECASE)
_LARGEST_SIDE = 10_000  # of a split's ratio, written as a decimal number
_NAMES_SHOWN = 5
_TYPE_OF = {table: kind for kind, table in STATEMENT_TABLES.items()}
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
_WITHOUT_CURRENCY = ("shares", "share", "pure", "number")
_WORTHLESS = ("", "null", "nan", "none")  # texts for a bar that a vendor lacks


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Say what a source does not: its symbol, split basis, names of columns, and the decimal sign."""

    symbol: str | None = None
    split_basis: date | str | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    decimal: str | None = None

    def __post_init__(self) -> None:
        """Refuse a split basis that is neither a day nor ``own-day``, and values of other types."""
        check_type("" if self.symbol is None else self.symbol, str, "symbol", "a text such as 'AAPL'")
        check_type(self.rename, Mapping, "rename", "a dictionary such as {'Date': 'date'}")
        for name in (*self.rename, *self.rename.values()):
            check_type(name, str, "rename", "a dictionary of texts")
        if self.decimal not in (None, *DECIMAL_SIGNS):
            raise InvalidInput(
                f"decimal is {self.decimal!r}; expected '.' or ',': the sign that the source's numbers have.",
                decimal=self.decimal,
            )
        if self.split_basis in (None, OWN_DAY) or type(self.split_basis) is date:
            return
        try:
            object.__setattr__(self, "split_basis", date.fromisoformat(str(self.split_basis)))
        except ValueError:
            raise InvalidInput(
                f"split_basis is {self.split_basis!r}; expected {OWN_DAY!r} for prices as traded, or the day "
                "up to which they count splits, such as '2021-03-31'.",
                split_basis=self.split_basis,
            ) from None

    def basis_of(self, day: str) -> pl.Expr:
        """Return the split basis as a column; ``day`` is the column of a row's own day."""
        return pl.col(day) if self.split_basis == OWN_DAY else pl.lit(self.split_basis, pl.Date)


class Headings:
    """Convert slices of a source to the columns of a table, whatever their headings are.

    ``notes`` says what was left out, by text. ``is_long`` says that a row has one item, so that the rows of a
    statement may be in several slices.
    """

    def __init__(
        self, spec: TableSpec, options: LoadOptions, columns: list[str], *, file_symbol: str = ""
    ) -> None:
        self._spec, self._options = spec, options
        renamed = [options.rename.get(name, name) for name in columns]
        self._reject_rename(columns)
        self._source = _source_of(renamed, spec)
        self._names = _names(self._source, spec, renamed)
        self._file_symbol = file_symbol if self._source == "lean" else ""
        self.notes: dict[str, int] = {}

    @property
    def is_long(self) -> bool:
        """Return whether each row has one item of a statement."""
        return self._source == "facts"

    def converted(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Return a slice with the table's columns; columns that nothing explains stay as they are."""
        rows = raw.rename(_unique(raw.columns, self._options.rename), strict=False)
        if self._source == _ECB:
            return long_rates(rows)
        if self._spec.name == "price_data" and self._source is not None:
            rows = with_reported_splits(rows)
        left_out = [c for c in rows.columns if self._names.get(c) == ""]
        if left_out and self._spec.name not in ("dividends", "splits"):  # their file is one of prices
            self.notes[f"{', '.join(left_out)} not loaded: no column of the table has {_them(left_out)}"] = (
                raw.height
            )
        rows = rows.drop(left_out)
        rows = rows.rename(self._renamed(rows.columns))
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
        if self._source == "fmp" and name in _TYPE_OF:
            items = {c.name for c in line_items(_TYPE_OF[name])}
            if not has & items:
                raise InvalidInput(f"The source has no line item of {name}. Load it into another table.")

    def _derived(self, rows: pl.DataFrame) -> pl.DataFrame:
        if self._source == "lean":
            prices = [c for c in rows.columns if c.endswith("_price")]
            day = pl.col("date").str.replace(r"^(\d{4})(\d\d)(\d\d) .*$", "$1-$2-$3")
            rows = rows.with_columns(day, pl.col(prices).cast(pl.Float64, strict=False) / LEAN_PRICE_UNIT)
        if self._source is not None and self._spec.name == "price_data":
            rows = self._without_empty_bars(rows)
        if "ratio" in rows.columns and self._spec.name == "splits":
            rows = _splits(rows)
        if self._source is not None and self._spec.name == "dividends":
            amounts = [c for c in ("dividend", "adjusted_dividend") if c in rows.columns]
            rows = rows.filter(
                pl.any_horizontal(
                    pl.col(c).cast(pl.Float64, strict=False).fill_null(1.0) != 0 for c in amounts
                )
            )
        if self.is_long:
            rows = _statements(rows, self._spec, self.notes)
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
        if self._spec.name in _TYPE_OF:
            return self._with_basis_of_filing(rows)
        if options.split_basis is None or self._spec.name not in _WITH_BASIS:
            if self._options.split_basis is not None:
                raise InvalidInput(f"{self._spec.name} has no split basis; leave split_basis out.")
            return rows
        if "split_basis_date" in rows.columns:
            raise InvalidInput(
                "The source has a column split_basis_date, and split_basis was passed too; leave one out."
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


def _source_of(columns: list[str], spec: TableSpec) -> str | None:
    """Return the kind of a source; None if its columns are the table's own."""
    own = {*spec.names(), *(name for name, _ in spec.other_names)}
    if set(columns) <= own:
        return None
    if spec.name == "fx_rates":
        return _ECB if is_wide_rates(columns) else None
    small = {c.strip().lower() for c in columns}
    for source, signs in _SIGNS:
        if small.issuperset(signs) and _has_table(source, spec):
            return source.split()[0]
    return None


def _has_table(source: str, spec: TableSpec) -> bool:
    is_statement = spec.name in STATEMENT_TABLES.values()
    if source in ("facts", "fmp statement"):
        return is_statement
    if source == "fmp price":
        return spec.name == "price_data"
    return spec.name in {table for _, table in _headings(source.split(maxsplit=1)[0])}


def _names(source: str | None, spec: TableSpec, columns: list[str]) -> dict[str, str]:
    """Return the table's column of each column of a source; an empty one has no place in the table."""
    if source in (None, _ECB):
        return {}
    known = _fmp(spec.name) if source == "fmp" else _of_table(source, spec.name)
    own = {*spec.names(), "ratio", "item", "value"}
    names: dict[str, str] = {}
    for column in columns:
        heading = column.strip().lower()
        if column in spec.names():
            continue
        if heading in known:
            names[column] = known[heading] if known[heading] in own else ""
        elif source == "fmp" or heading in _all_headings(source):
            names[column] = ""
    return names


@cache
def _headings(source: str) -> dict[tuple[str, str], dict[str, str]]:
    """Return ``{(source, table): {heading: column}}`` of a source."""
    text = files(__package__).joinpath("load_headings.csv").read_text(encoding="utf-8")
    known: dict[tuple[str, str], dict[str, str]] = {}
    for row in csv.DictReader(text.splitlines()):
        if row["source"] == source:
            known.setdefault((source, row["table"]), {})[row["heading"]] = row["column"]
    return known


def _of_table(source: str, table: str) -> dict[str, str]:
    return next((known for (_, name), known in _headings(source).items() if name in (table, "")), {})


def _all_headings(source: str) -> set[str]:
    """Return the headings of a source, of any table."""
    return {heading for known in _headings(source).values() for heading in known}


@cache
def _fmp(table: str) -> dict[str, str]:
    """Return FMP's fields of a table in small letters, those of both generations of its API."""
    dataset = next(d for d, t in DATASETS.items() if t == table)
    return {name.lower(): column for name, column in fmp_fields(dataset).items()} | {"symbol": "symbol"}


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


def _splits(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with a split: vendors write its ratio as one number, 0 or 1 on all other days."""
    ratio = rows["ratio"].cast(pl.Float64, strict=False)
    events = rows.filter((ratio.is_null() & rows["ratio"].is_not_null()) | ((ratio != 0) & (ratio != 1)))
    events = events.filter(~events["ratio"].cast(pl.String).str.contains(r"^\s*1\s*[:/]\s*1\s*$"))
    sides = [_fraction(value) for value in events["ratio"]]
    return events.drop("ratio").with_columns(
        pl.Series("numerator", [n for n, _ in sides], strict=False),
        pl.Series("denominator", [d for _, d in sides], strict=False),
    )


def _fraction(value: object) -> tuple[object, object]:
    sides = _SIDES.fullmatch(str(value))
    if sides:
        return sides[1], sides[2]
    try:
        ratio = Fraction(str(value)).limit_denominator(_LARGEST_SIDE)
    except (ValueError, ZeroDivisionError):
        return value, 1  # the check of the rows names it
    return ratio.numerator, ratio.denominator


def _with_currency(facts: pl.DataFrame) -> pl.DataFrame:
    """Read SEC's units as a currency: USD/shares is of USD, and a count of shares has that of its filing."""
    if "reported_currency" not in facts.columns:
        return facts
    unit = pl.col("reported_currency").cast(pl.String).str.strip_chars()
    unit = unit.str.replace(r"(?i)\s*(?:/|-per-)\s*shares?$", "")
    unit = pl.when(~unit.str.to_lowercase().is_in(_WITHOUT_CURRENCY)).then(unit)
    filing = [c for c in facts.columns if c not in ("item", "value", "reported_currency")]
    facts = facts.with_columns(reported_currency=unit)
    # In a filing with two currencies, only the user can tell that of a count.
    several = pl.col("reported_currency").n_unique().over(filing) > 1 + pl.col(
        "reported_currency"
    ).is_null().any().over(filing)
    first = pl.col("reported_currency").drop_nulls().first().over(filing)
    return facts.with_columns(reported_currency=pl.when(several).then("reported_currency").otherwise(first))


def _statements(rows: pl.DataFrame, spec: TableSpec, notes: dict[str, int]) -> pl.DataFrame:
    """Return one row per statement and filing from rows of one item each."""
    known = {c.name: c.name for c in line_items(_TYPE_OF[spec.name])} | _fmp(spec.name)
    items = rows["item"].cast(pl.String).str.strip_chars()
    named = rows.with_columns(
        item=items.str.to_lowercase().replace_strict(known, default=None, return_dtype=pl.String)
    )
    unknown = items.filter(named["item"].is_null()).unique().sort().to_list()
    if unknown:
        shown = ", ".join(map(str, unknown[:_NAMES_SHOWN]))
        more = f" and {len(unknown) - _NAMES_SHOWN} more" if len(unknown) > _NAMES_SHOWN else ""
        notes[f"items that the table does not have left out: {shown}{more}"] = named["item"].null_count()
    facts = _with_currency(named.drop_nulls("item")).unique(maintain_order=True)
    key = [c for c in facts.columns if c not in ("item", "value")]
    twice = facts.filter(facts.select(*key, "item").is_duplicated())
    if twice.height:
        first = twice.row(0, named=True)
        raise InvalidInput(
            f"{first['item']} of {first.get('symbol')} for {first.get('fiscal_date')} has two values in one "
            "filing; remove one of them, or give the filing dates.",
            item=first["item"],
        )
    return facts.pivot("item", index=key, values="value")
