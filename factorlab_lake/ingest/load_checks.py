"""Parse and check the rows of a load, one slice at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from factorlab_lake.errors import InvalidInput, nearest
from factorlab_lake.ingest.parse_values import Parsed, parse
from factorlab_lake.schema import Column, TableSpec

__all__ = ["RowChecks", "contradiction", "required_columns"]

_BASIS_HELP = (
    "the day up to which the row includes splits: the row's own date for unadjusted prices, the day of the "
    "download for split-adjusted prices"
)
_REQUIRED = {
    "splits": ["numerator", "denominator"],
    "price_data": ["close_price", "split_basis_date"],
    "shares_outstanding": ["shares", "split_basis_date"],
}
_ABOVE_ZERO = ("numerator", "denominator", "close_price")


@dataclass(slots=True)
class RowChecks:
    """Check slices of a table's rows as if they were one frame.

    A value of a wrong type raises at once. Other faults are reported by column over all rows, so the checks
    hold the first one of each and :meth:`raise_first` raises at the end.
    """

    spec: TableSpec
    rows: int = 0
    _faults: dict[int, InvalidInput] = field(default_factory=dict)

    def typed(self, raw: pl.DataFrame) -> pl.DataFrame:
        """Return the typed rows of the next slice; raise :class:`InvalidInput` for a wrong type."""
        typed = _typed(raw, self.spec, self.rows)
        for rank, check in enumerate(_checks(typed, self.spec)):
            if rank not in self._faults and (fault := self._fault(*check)):
                self._faults[rank] = fault
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
