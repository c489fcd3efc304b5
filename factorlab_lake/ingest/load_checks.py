"""Parse and check the rows of a load, one slice at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from factorlab_lake.errors import InvalidInput, nearest
from factorlab_lake.ingest.parse_values import Parsed, parse
from factorlab_lake.schema import Column, TableSpec
from factorlab_lake.schema.company_tables import SYMBOL_CHANGES
from factorlab_lake.schema.rules import END_OF_TIME

__all__ = ["RowChecks", "contradiction", "required_columns"]

_BASIS_HELP = (
    "the day up to which the row includes splits: the row's own date for unadjusted prices, the day of the "
    "download for split-adjusted prices"
)
_REQUIRED = {
    "splits": ["numerator", "denominator"],
    "price_data": ["close_price", "split_basis_date"],
    "shares_outstanding": ["shares", "split_basis_date"],
    "symbol_history": ["company_id"],
}
_ABOVE_ZERO = ("numerator", "denominator", "close_price")


@dataclass(slots=True)
class RowChecks:
    """Check slices of a table's rows as if they were one frame.

    A value of a wrong type raises at once. Other faults are reported by column over all rows, so the checks
    hold the first one of each and :meth:`raise_first` raises at the end. Overlapping intervals come last.
    """

    spec: TableSpec
    rows: int = 0
    _faults: dict[int, InvalidInput] = field(default_factory=dict)
    _intervals: list[pl.DataFrame] = field(default_factory=list)

    def typed(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Return the typed rows of the next slice; raise :class:`InvalidInput` for a wrong type."""
        typed = _typed(raw, self.spec, self.rows)
        for rank, check in enumerate(_checks(typed, self.spec)):
            if rank not in self._faults and (fault := self._fault(*check)):
                self._faults[rank] = fault
        if self.spec.has_intervals and self.passed:
            self._intervals.append(_intervals(typed, self.rows))
        self.rows += raw.height
        return typed

    @property
    def passed(self) -> bool:
        """Return whether no slice has a fault so far."""
        return not self._faults

    def raise_first(self) -> None:
        """Raise the fault of the first check that failed."""
        if self._faults:
            raise self._faults[min(self._faults)]
        if self._intervals:
            _reject_overlap(self.spec, pl.concat(self._intervals))

    def _fault(self, bad: pl.Series | InvalidInput, reason: str) -> InvalidInput | None:
        if isinstance(bad, InvalidInput):
            return bad
        return invalid_row(self.spec, self.rows + int(bad.arg_max() or 0) + 1, reason) if bad.any() else None


def required_columns(spec: TableSpec) -> list[str]:
    """Return the columns that a load of the table must have: its key and those that no rule can fill in."""
    return [*(k for k in spec.key if k != "version"), *_REQUIRED.get(spec.name, [])]


def _checks(typed: pl.DataFrame, spec: TableSpec) -> list[tuple[pl.Series | InvalidInput, str]]:
    """Return the checks in the order of their reports: the bad rows, or the error of a missing column."""
    required = required_columns(spec)
    checks: list[tuple[pl.Series | InvalidInput, str]] = []
    for name in required:
        missing = typed[name].is_null() if name in typed.columns else _missing_column(typed, spec, name)
        checks.append((missing, f"{name} is missing"))
    checks += [
        (typed[name] <= 0, f"{name} must be above 0")
        for name in _ABOVE_ZERO
        if name in typed.columns and name in required
    ]
    if spec.has_intervals and {"valid_from", "valid_to"} <= set(typed.columns):
        checks.append((typed["valid_to"] <= typed["valid_from"], "valid_to must be after valid_from"))
    if spec.name == "symbol_history" and "kind" in typed.columns:
        expected = f"kind must be {' or '.join(SYMBOL_CHANGES)}, or empty"
        checks.append((~typed["kind"].is_in(SYMBOL_CHANGES), expected))
    return checks


def _missing_column(typed: pl.DataFrame, spec: TableSpec, name: str) -> InvalidInput:
    hint = f" ({_BASIS_HELP})" if name == "split_basis_date" else ""
    got = ", ".join(typed.columns) or "no columns"
    return InvalidInput(f"{spec.name} needs a column {name!r}{hint}; got {got}.", column=name)


def invalid_row(spec: TableSpec, row: int, reason: str) -> InvalidInput:
    """Return the error of one row; rows are counted from 1."""
    return InvalidInput(f"Row {row} for {spec.name}: {reason}.", row=row)


def contradiction(spec: TableSpec, row: int) -> InvalidInput:
    """Return the error of a row that differs from an earlier row with the same key."""
    key = " and ".join(k for k in spec.key if k != "version")
    return invalid_row(spec, row, f"it contradicts an earlier row with the same {key}")


def _intervals(typed: pl.DataFrame, rows_before: int) -> pl.DataFrame:
    """Return the intervals of a slice with the row numbers, from 1."""
    end = pl.col("valid_to") if "valid_to" in typed.columns else pl.lit(None, pl.Date)
    return typed.select("symbol", "valid_from", end.alias("valid_to")).with_row_index("row", rows_before + 1)


def _reject_overlap(spec: TableSpec, intervals: pl.DataFrame) -> None:
    """Raise :class:`InvalidInput` for the first row whose interval begins before an earlier one has ended.

    Rows with one key are no overlap: equal ones count once, and others contradict each other.
    """
    ordered = intervals.sort("symbol", "valid_from", "row").unique(
        ["symbol", "valid_from"], keep="first", maintain_order=True
    )
    before = pl.col("valid_from", "valid_to", "row").shift(1).over("symbol").name.prefix("before_")
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


def _typed(rows: pl.DataFrame, spec: TableSpec, rows_before: int) -> pl.DataFrame:
    for column in rows.columns:
        if column not in spec.names():
            raise InvalidInput(
                f"{spec.name} has no column {column!r}; its columns are {', '.join(spec.names())}."
                f"{nearest(column, spec.names())}",
                column=column,
            )
    parsed = {c: _read(rows, spec.column(c)) for c in rows.columns}
    bad = rows.select(p.bad.fill_null(value=False).alias(c) for c, p in parsed.items() if p.bad is not None)
    if bad.width and (any_bad := bad.select(pl.any_horizontal(pl.all())).to_series()).any():
        position = int(any_bad.arg_max() or 0)
        name = next(c for c in bad.columns if bad[c][position])
        reason = f"{name} is {rows[name][position]!r}, expected {parsed[name].expected}"
        raise invalid_row(spec, rows_before + position + 1, reason)
    return rows.select(p.value.alias(c) for c, p in parsed.items())


def _read(rows: pl.DataFrame, column: Column) -> Parsed:
    dtype = rows.schema[column.name]
    if column.kind == "timestamp" and isinstance(dtype, pl.Datetime):
        if dtype.time_zone is None:
            raise InvalidInput(f"{column.name} has times without a time zone; add it.", column=column.name)
        return Parsed(pl.col(column.name).dt.convert_time_zone("UTC"))
    if column.kind == "date" and dtype in (pl.Date, pl.Datetime):
        return Parsed(pl.col(column.name).cast(pl.Date))
    return parse(rows, column.name, column)
