"""Parse and check the rows of a load, one slice at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from factorlab_lake.errors import InvalidInput, printable
from factorlab_lake.ingest.csv_dialect import plain_number
from factorlab_lake.ingest.load_columns import check_columns, required_columns
from factorlab_lake.ingest.load_faults import UNKNOWN_IF_IMPOSSIBLE, load_faults
from factorlab_lake.ingest.load_values import ambiguous_columns, has_two_readings, number_texts, read_column
from factorlab_lake.ingest.parse_values import json_object
from factorlab_lake.ingest.row_checks import RowFault, currency_spellings, impossible_values
from factorlab_lake.schema import TableSpec
from factorlab_lake.schema.rules import END_OF_TIME

__all__ = ["RowChecks", "contradiction"]

_FAULTS_SHOWN = 10


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
        check_columns(raw, self.spec)
        raw = raw.with_columns(plain_number(pl.col(number_texts(raw, self.spec))))
        parsed = {c: read_column(raw, self.spec.column(c)) for c in raw.columns}
        rows = raw.select(
            *(p.value.alias(c) for c, p in parsed.items()),
            *(
                p.bad.fill_null(value=False).alias(f"_bad_{c}")
                for c, p in parsed.items()
                if p.bad is not None
            ),
            *(has_two_readings(c).alias(f"_ambiguous_{c}") for c in ambiguous_columns(raw, self.spec)),
        )
        rows = self._with_capitals(rows) if self.spec.has_symbols else rows
        rows = self._with_spellings(rows)
        rows = rows.with_columns(_fetched_at(rows, self.now))
        faults = load_faults(raw, rows, parsed=parsed, spec=self.spec, now=self.now)
        self._collect(raw, rows, list(faults))
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
            if name in UNKNOWN_IF_IMPOSSIBLE and (odd := rows.select(condition).to_series()).any():
                marks[name] = marks.get(name, odd) | odd
                rows = rows.with_columns(pl.when(~odd).then(pl.col(name)).alias(name))
        for name, mark in marks.items():
            self.notes[f"{name} cannot be read or is impossible, and is stored as missing"] += int(mark.sum())
        sent = raw.with_columns(pl.when(mark).then(pl.col(name)).alias(name) for name, mark in marks.items())
        texts = sent.with_columns(json_object(sent, list(marks)).alias("_members"))["_members"]
        if "extra" in raw.columns:
            return rows.select(raw.columns).with_columns(extra=pl.coalesce(texts, "extra"))
        return rows.select(raw.columns).with_columns(extra=texts)


def _fetched_at(rows: pl.DataFrame, now: datetime) -> pl.Expr:
    moment = pl.lit(now).cast(pl.Datetime("us", "UTC"))
    return (pl.coalesce("fetched_at", moment) if "fetched_at" in rows.columns else moment).alias("fetched_at")


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
