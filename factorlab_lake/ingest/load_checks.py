"""Parse and check the rows of a load, one slice at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

import polars as pl

from factorlab_lake.errors import InvalidInput, nearest, printable
from factorlab_lake.ingest.csv_dialect import plain_number
from factorlab_lake.ingest.parse_values import Parsed, json_object, parse
from factorlab_lake.ingest.row_checks import (
    RowFault,
    currency_spellings,
    impossible_text,
    impossible_values,
    needed_columns,
    row_faults,
)
from factorlab_lake.ingest.ticker_level import REPEATED
from factorlab_lake.schema import Column, TableSpec
from factorlab_lake.schema.columns import CURRENCY_PATTERN, EVENT_KINDS
from factorlab_lake.schema.company_tables import SYMBOL_CHANGES
from factorlab_lake.schema.quote_units import CURRENCY_SPELLINGS
from factorlab_lake.schema.rules import END_OF_TIME, MAX_CLOCK_ERROR_S

__all__ = ["RowChecks", "contradiction", "required_columns"]

_HELP = {
    "split_basis_date": " (the day up to which the row includes splits: the row's own date for unadjusted "
    "prices, the day of the download for split-adjusted prices; split_basis='own-day' or a day fills it in)",
    "symbol": " (symbol='AAPL' fills it in)",
}
_WHOLE_UNITS = ("shares", "reported_currency")  # of numbers whose comma separates thousands
_SPLIT_BASIS = ("price_data", "shares_outstanding")  # the tables whose rows need a split basis
_FAULTS_SHOWN, _SHOWN_CHARS = 10, 60
_OTHER_DATE = r"^\d{1,2}[./-]\w{1,3}[./-]\d{2,4}$|^\d{4}[./]\d{1,2}[./]\d{1,2}$|^\d{8}$"
_UNKNOWN = ("accepted_at",)  # an impossible acceptance is unknown, as in a provider's record
_SHARE_SOURCES = ("cover_page", "balance_sheet")
# What may follow a day in a text: nothing, midnight, or a time with the zone of an exchange.
_DAY_ALONE = (
    r"^(?:[T ]00:00(?::00(?:\.0+)?)?(?:\s?(?:[Zz]|UTC|GMT|[+-]00:?(?:00)?))?"
    r"|[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?\s?[+-](?:\d[1-9]|[1-9]\d)(?::?\d\d)?)?$"
)
# The types that a frame's column can have beside text, by the kind of the table's column, and their names.
_TYPES: dict[str, tuple[tuple[type[pl.DataType], ...], str]] = {
    "text": ((), "text"),
    "json": ((), "text with a JSON object"),
    "integer": ((), "whole numbers"),
    "number": ((), "numbers"),
    "boolean": ((pl.Boolean,), "true and false"),
    "date": ((pl.Date, pl.Datetime), "dates such as 2024-12-31"),
    "timestamp": ((pl.Date, pl.Datetime), "times with a time zone"),
}


@dataclass(slots=True)
class RowChecks:
    """Check slices of a table's rows as if they were one frame; ``now`` is the time of the load.

    All faults of rows are reported in one error, by :meth:`raise_faults`. Overlapping intervals come last.
    ``notes`` counts what was read in another way than it was written, by the text that says so.
    """

    spec: TableSpec
    now: datetime
    rows: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    _faults: list[tuple[int, str]] = field(default_factory=list)
    _refused: int = 0
    _intervals: list[pl.DataFrame] = field(default_factory=list)

    def typed(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Return the typed rows of the next slice; raise :class:`InvalidInput` for a wrong column."""
        raw = raw.drop(dict(self.spec.other_names), strict=False)  # rows of a query have them
        _check_columns(raw, self.spec)
        raw = raw.with_columns(plain_number(pl.col(_texts_of_numbers(raw, self.spec))))
        parsed = {c: _read(raw, self.spec.column(c)) for c in raw.columns}
        rows = raw.select(
            *(p.value.alias(c) for c, p in parsed.items()),
            *(
                p.bad.fill_null(value=False).alias(f"_bad_{c}")
                for c, p in parsed.items()
                if p.bad is not None
            ),
            *(_ambiguous(c).alias(f"_ambiguous_{c}") for c in _ambiguous_columns(raw, self.spec)),
        )
        rows = self._with_capitals(rows) if self.spec.has_symbols else rows
        rows = self._with_spellings(rows)
        rows = rows.with_columns(_fetched_at(rows, self.now))
        self._collect(
            raw,
            rows,
            [
                *_unreadable(raw, parsed, self.spec),
                *_two_readings(raw, self.spec),
                *_faults(rows, self.spec),
                *_late(raw, self.now),
            ],
        )
        kept = self._kept(raw, rows, [c for c, p in parsed.items() if p.bad is not None])
        if self.spec.has_intervals and self.passed:
            self._intervals.append(_intervals(self.spec, kept, self.rows))
        self.rows += raw.height
        return kept

    @property
    def passed(self) -> bool:
        """Return whether no slice has a fault so far."""
        return not self._refused

    def raise_faults(self) -> None:
        """Raise one error that names the first rows with a fault, in the order of the source."""
        if self._refused:
            raise _refusal(self.spec, self._faults, self._refused)
        if self._intervals:
            _reject_overlap(self.spec, pl.concat(self._intervals))

    def _with_capitals(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Write symbols in capitals, as fetch and migrate do, and note it."""
        capitals = rows["symbol"].str.to_uppercase()
        small = rows["symbol"].filter(rows["symbol"] != capitals)
        if small.len():
            said = "symbols are stored in capitals"
            example = f"{said}, such as {small[0].upper()} for {small[0]}"
            self.notes[next((note for note in self.notes if note.startswith(said)), example)] += small.len()
        return rows.with_columns(symbol=capitals)

    def _with_spellings(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Write codes of currencies in the one way that is compared, and note it."""
        for name, spelling in currency_spellings(rows.columns).items():
            spelt = rows.select(spelling).to_series()
            if count := int((spelt != rows[name]).sum()):
                self.notes[f"{name} is stored in its usual spelling, such as USD for usd"] += count
            rows = rows.with_columns(spelt)
        return rows

    def _collect(self, raw: pl.DataFrame, rows: pl.DataFrame, faults: list[RowFault]) -> None:
        """Count the rows with a fault, and hold the texts of the first ones."""
        marks = rows.select(f.fails.fill_null(value=False).alias(str(i)) for i, f in enumerate(faults))
        bad = marks.select(pl.any_horizontal(pl.all())).to_series()
        if not bad.any():
            return
        self._refused += int(bad.sum())
        few = bad.arg_true().head(_FAULTS_SHOWN - len(self._faults))
        shown = pl.concat([rows, raw.select(pl.all().name.prefix("_raw_"))], how="horizontal")[few]
        texts = [f.reason(" is missing") for f in faults]
        reason = pl.concat_str(texts, separator="; ", ignore_nulls=True)
        reasons = shown.rechunk().with_columns(_reason=reason)["_reason"]
        self._faults += [(self.rows + i + 1, printable(text)) for i, text in zip(few, reasons, strict=True)]

    def _kept(self, raw: pl.DataFrame, rows: pl.DataFrame, doubtful: list[str]) -> pl.DataFrame:
        """Return the columns of the source, with ``extra`` for the values that are not stored."""
        needed = required_columns(self.spec)
        marks = {c: rows[f"_bad_{c}"] for c in doubtful if c not in needed and rows[f"_bad_{c}"].any()}
        for name, condition in impossible_values(self.spec, raw.columns).items():
            if name in _UNKNOWN and (odd := rows.select(condition).to_series()).any():
                marks[name] = marks.get(name, odd) | odd
                rows = rows.with_columns(pl.when(~odd).then(pl.col(name)).alias(name))
        for name, mark in marks.items():
            self.notes[f"{name} cannot be read or is impossible, and is stored as missing"] += int(mark.sum())
        sent = raw.with_columns(pl.when(mark).then(pl.col(name)).alias(name) for name, mark in marks.items())
        texts = sent.with_columns(json_object(sent, list(marks)).alias("_members"))["_members"]
        if "extra" in raw.columns:
            return rows.select(raw.columns).with_columns(extra=pl.coalesce(texts, "extra"))
        return rows.select(raw.columns).with_columns(extra=texts)


def required_columns(spec: TableSpec) -> list[str]:
    """Return the columns that a load of the table must have: its key and those that no rule can fill in."""
    basis = ["split_basis_date"] if spec.name in _SPLIT_BASIS else []
    # A provider may tell only when a symbol changed; a user tells whose it was.
    company = ["company_id"] if spec.name == "symbol_history" else []
    return [*needed_columns(spec), *basis, *company]


def _unknown_columns(columns: list[str], spec: TableSpec) -> list[tuple[str, str]]:
    """Return the text of each unknown column with a hint, and one text for all others."""
    names = spec.names()
    texts = {c: _unknown(c, columns, spec) for c in columns if c not in names}
    plain = [c for c, text in texts.items() if text == f"{spec.name} has no column {c!r}."]
    listed = ", ".join(repr(c[:_SHOWN_CHARS]) for c in plain[:_FAULTS_SHOWN])
    more = f" and {len(plain) - _FAULTS_SHOWN} more" if len(plain) > _FAULTS_SHOWN else ""
    hinted = [(c, text) for c, text in texts.items() if c not in plain]
    return [*hinted, *([(plain[0], f"{spec.name} has no column {listed}{more}.")] if plain else [])]


def _unknown(column: str, columns: list[str], spec: TableSpec) -> str:
    same = REPEATED.sub("", column)
    if same != column and same in columns:
        return f"The source has two columns {same!r}; rename or drop one."
    return f"{spec.name} has no column {column!r}.{nearest(column.lower(), spec.names())}"


def _check_columns(raw: pl.DataFrame, spec: TableSpec) -> None:
    """Raise one :class:`InvalidInput` for all columns that are unknown, missing, or of another type."""
    names = spec.names()
    unknown = [c for c in raw.columns if c not in names]
    missing = [c for c in required_columns(spec) if c not in raw.columns]
    faults = [
        *_unknown_columns(raw.columns, spec),
        *((c, _type_fault(raw[c], spec.column(c))) for c in raw.columns if c in names),
        *((c, f"{spec.name} needs a column {c!r}{_HELP.get(c, '')}.") for c in missing),
    ]
    faults = [(column, text) for column, text in faults if text]
    if not faults:
        return
    texts = [text for _, text in faults]
    if unknown:
        texts.append(
            f"Its columns are {', '.join(names)}. Rename one by --map OLD=NEW (in "
            "Python rename={'OLD': 'NEW'}), or drop it."
        )
    if missing:
        texts.append(f"The source has {', '.join(raw.columns) or 'no columns'}.")
    raise InvalidInput(" ".join(texts), column=faults[0][0])


def _type_fault(values: pl.Series, column: Column) -> str:
    """Return what is wrong with a type whose values cannot be those of a column; empty for a fitting one.

    Without this, polars raised errors of its own for objects, and a list in a column of text became a symbol.
    """
    dtype, (types, expected) = values.dtype, _TYPES[column.kind]
    if dtype in (pl.String, pl.Null, pl.Categorical, pl.Enum, *types):
        return ""
    if dtype.is_numeric() and column.kind in ("number", "integer", "text"):
        return ""
    if dtype.is_numeric() and values.null_count() == values.len():  # pandas has no other type for it
        return ""
    return f"{column.name} has the type {dtype}; expected {expected}. Convert the column, or drop it."


def _fetched_at(rows: pl.DataFrame, now: datetime) -> pl.Expr:
    moment = pl.lit(now).cast(pl.Datetime("us", "UTC"))
    return (pl.coalesce("fetched_at", moment) if "fetched_at" in rows.columns else moment).alias("fetched_at")


def _unreadable(raw: pl.DataFrame, parsed: dict[str, Parsed], spec: TableSpec) -> Iterator[RowFault]:
    """Yield the faults of the values that a row needs and that cannot be read."""
    for name in required_columns(spec):
        if (p := parsed[name]).bad is not None:
            shown = pl.col(f"_raw_{name}").cast(pl.String).str.slice(0, 60)
            quote = "'" if raw.schema[name] == pl.String else ""
            text = pl.lit(quote) + shown + f"{quote} is not {p.expected}"
            if spec.column(name).kind == "number":
                is_comma = shown.str.contains(r"\d,\d+$")
                text += pl.when(is_comma).then(pl.lit("; write decimals with a point")).otherwise(pl.lit(""))
            if spec.column(name).kind == "date":
                other = shown.str.contains(_OTHER_DATE)
                text += pl.when(other).then(pl.lit("; write dates as YYYY-MM-DD")).otherwise(pl.lit(""))
            yield RowFault(name, pl.col(f"_bad_{name}"), text)


def _texts_of_numbers(raw: pl.DataFrame, spec: TableSpec) -> list[str]:
    kinds = ("number", "integer")
    return [c for c in raw.columns if raw.schema[c] == pl.String and spec.column(c).kind in kinds]


def _ambiguous_columns(raw: pl.DataFrame, spec: TableSpec) -> list[str]:
    """Return the columns of text whose numbers may have decimals: prices, figures per share, ratios."""
    return [
        c.name
        for c in spec.columns
        if c.kind == "number" and c.unit not in _WHOLE_UNITS and raw.schema.get(c.name) == pl.String
    ]


def _ambiguous(name: str) -> pl.Expr:
    """Return whether a text is a number under two conventions: 221,681 is a price of 221.681 in Europe.

    A number of the same column such as 1,221.50 or 1,221,000 shows that its commas separate thousands.
    """
    text = pl.col(name)
    shown = text.str.contains(r"\d,\d{3}[.,]\d").any()
    return (text.str.contains(r"^\s*[+-]?\d{1,3},\d{3}\s*$") & ~shown).fill_null(value=False)


def _two_readings(raw: pl.DataFrame, spec: TableSpec) -> Iterator[RowFault]:
    for name in _ambiguous_columns(raw, spec):
        text = pl.format(
            "'{}' has a comma that may be a decimal one; write decimals with a point, and no separators, "
            "or pass the decimal sign (--decimal . or --decimal ,)",
            pl.col(f"_raw_{name}"),
        )
        yield RowFault(name, pl.col(f"_ambiguous_{name}"), text)


def _faults(rows: pl.DataFrame, spec: TableSpec) -> Iterator[RowFault]:
    """Yield the faults that a provider's records can have too, and then those of a load alone."""
    unread = {c: pl.col(f"_bad_{c}") for c in rows.columns if f"_bad_{c}" in rows.columns}
    yield from row_faults(spec, rows.columns, unread)
    for name, fails in impossible_values(spec, rows.columns).items():
        if name not in _UNKNOWN:
            yield RowFault(name, fails, impossible_text(name))
    for name in set(required_columns(spec)) - set(needed_columns(spec)):
        missing = pl.col(name).is_null() & ~unread.get(name, pl.lit(value=False))
        yield RowFault(name, missing, pl.lit("missing"))
    yield from _table_faults(spec, rows.columns)


def _late(raw: pl.DataFrame, now: datetime) -> Iterator[RowFault]:
    if "fetched_at" in raw.columns:
        late = pl.col("fetched_at") > now + timedelta(seconds=MAX_CLOCK_ERROR_S)
        shown = pl.col("_raw_fetched_at").cast(pl.String)  # as the source has it, not in UTC
        yield RowFault("fetched_at", late, pl.format("{} is in the future", shown))


def _table_faults(spec: TableSpec, columns: list[str]) -> Iterator[RowFault]:
    if spec.has_intervals and {"valid_from", "valid_to"} <= set(columns):
        ends = pl.col("valid_to") <= pl.col("valid_from")
        yield RowFault("valid_to", ends, pl.lit("valid_to must be after valid_from"))
    if spec.name == "symbol_history" and "kind" in columns:
        text = f"kind must be {' or '.join(SYMBOL_CHANGES)}, or empty"
        yield RowFault("kind", ~pl.col("kind").is_in(SYMBOL_CHANGES), pl.lit(text))
    if spec.name == "splits" and "kind" in columns:
        text = f"kind must be {', '.join(EVENT_KINDS)}, or empty"
        yield RowFault("kind", ~pl.col("kind").is_in(EVENT_KINDS), pl.lit(text))
    if spec.name == "shares_outstanding":
        problem = pl.format(f"'{{}}' is not one of {', '.join(_SHARE_SOURCES)}", "source")
        yield RowFault("source", ~pl.col("source").is_in(_SHARE_SOURCES), problem)
    if spec.name == "fx_rates":
        yield from _currency_faults()
    if spec.name == "company_profiles" and "currency" in columns:
        yield RowFault("currency", pl.col("currency").is_null(), pl.lit("missing; expected one as USD"))
    if {"year", "date"} <= set(columns):
        problem = pl.format("{} is not the year of {}", "year", pl.col("date").cast(pl.String))
        yield RowFault("year", pl.col("year") != pl.col("date").dt.year(), problem)


def _currency_faults() -> Iterator[RowFault]:
    for name in ("base", "quote"):
        text = pl.format("'{}' is no ISO code such as EUR; pence are of GBP", pl.col(name).str.slice(0, 60))
        is_minor = pl.col(name).is_in(list(CURRENCY_SPELLINGS))
        yield RowFault(name, ~pl.col(name).str.contains(CURRENCY_PATTERN) | is_minor, text)
    same = pl.format("{} is the base too", pl.col("quote"))
    yield RowFault("quote", pl.col("base") == pl.col("quote"), same)


def _refusal(spec: TableSpec, faults: list[tuple[int, str]], count: int) -> InvalidInput:
    """Return one error for the rows with a fault; ``row`` is the first one's number."""
    faults = sorted(faults)
    if count == 1:
        return invalid_row(spec, *faults[0])
    listed = "; ".join(f"row {row}: {text}" for row, text in faults)
    more = f"; and {count - len(faults)} more" if count > len(faults) else ""
    return InvalidInput(
        f"{count} rows for {spec.name} cannot be loaded: {listed}{more}.", row=faults[0][0], rows=count
    )


def invalid_row(spec: TableSpec, row: int, reason: str) -> InvalidInput:
    """Return the error of one row; rows are counted from 1."""
    return InvalidInput(f"Row {row} for {spec.name}: {reason}.", row=row)


def contradiction(spec: TableSpec, row: int) -> InvalidInput:
    """Return the error of a row that differs from an earlier row with the same key."""
    key = " and ".join(spec.told_key)
    return invalid_row(spec, row, f"it contradicts an earlier row with the same {key}")


def _intervals(spec: TableSpec, typed: pl.DataFrame, rows_before: int) -> pl.DataFrame:
    """Return the intervals of a slice with the row numbers, from 1."""
    end = pl.col("valid_to") if "valid_to" in typed.columns else pl.lit(None, pl.Date)
    return typed.select(*spec.key, end.alias("valid_to")).with_row_index("row", rows_before + 1)


def _reject_overlap(spec: TableSpec, intervals: pl.DataFrame) -> None:
    """Raise :class:`InvalidInput` for the first row whose interval begins before an earlier one has ended.

    Rows with one key are no overlap: equal ones count once, and others contradict each other.
    """
    ordered = intervals.sort(*spec.key, "row").unique([*spec.key], keep="first", maintain_order=True)
    before = pl.col("valid_from", "valid_to", "row").shift(1).over(spec.interval_of).name.prefix("before_")
    end = pl.col("before_valid_to").fill_null(END_OF_TIME)
    overlaps = ordered.with_columns(before).filter(
        pl.col("before_row").is_not_null(), pl.col("valid_from") < end
    )
    if overlaps.height:
        later = overlaps.sort("row").row(0, named=True)
        until = f"valid_to {later['before_valid_to']}" if later["before_valid_to"] else "no valid_to"
        raise invalid_row(
            spec,
            later["row"],
            f"{later['symbol']} from {later['valid_from']} overlaps row {later['before_row']}, which begins "
            f"{later['before_valid_from']} and has {until}; give that row a valid_to of "
            f"{later['valid_from']} or earlier",
        )


def _read(rows: pl.DataFrame, column: Column) -> Parsed:
    dtype = rows.schema[column.name]
    if column.kind == "timestamp" and isinstance(dtype, pl.Datetime):
        if dtype.time_zone is None:
            raise InvalidInput(f"{column.name} has times without a time zone; add it.", column=column.name)
        return Parsed(pl.col(column.name).dt.convert_time_zone("UTC").dt.cast_time_unit("us"))
    if column.kind == "date" and isinstance(dtype, pl.Datetime):
        return _local_day(column.name, dtype)
    if column.kind == "date" and dtype == pl.Date:
        return Parsed(pl.col(column.name))
    read = parse(rows, column.name, column, any_days=True)
    if column.kind != "date" or read.bad is None:
        return read
    # The rule for moments holds for texts: a time of day without an exchange's zone tells no day.
    rest = pl.col(column.name).cast(pl.String).str.strip_chars().str.slice(len("2024-12-31"))
    timed = ~rest.str.contains(_DAY_ALONE)
    return Parsed(pl.when(~timed).then(read.value), timed | read.bad, read.expected)


def _local_day(name: str, dtype: pl.Datetime) -> Parsed:
    """Return the day of moments in their own time zone.

    yfinance dates a bar of Tokyo by midnight in Tokyo, which is the day before in UTC. A time of day without
    a zone, or in UTC, does not tell the day of an exchange.
    """
    moment = pl.col(name)
    day = moment.dt.replace_time_zone(None).dt.date()
    if dtype.time_zone not in (None, "UTC", "Etc/UTC"):
        return Parsed(day)
    return Parsed(day, moment.dt.time() != time(), "a date, or midnight of a date")
