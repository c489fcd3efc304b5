"""Typed rows back to the provider's records, field names and formats included."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.parse_values import NEW_YORK
from factorlab_lake.providers.fields import fields, generations

__all__ = ["render"]


def render(rows: pl.DataFrame, dataset: str, generation: str = "v3") -> list[dict[str, Any]]:
    """Return rows of a table as the provider would send them, in one of its API generations.

    One record per row. Items that are NULL are left out, those kept in ``extra`` come back under their own
    names. Whole numbers are ints, times New York wall time, as FMP writes them.
    """
    if generation not in generations(dataset):
        known = ", ".join(generations(dataset))
        raise InvalidInput(f"FMP has no generation {generation!r} of {dataset!r}; expected one of {known}.")
    names = {field: column for field, column in fields(dataset, generation).items() if column in rows.columns}
    return [_record(row, names) for row in rows.iter_rows(named=True)]


def _record(row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    record = {field: _wire(row[column]) for field, column in names.items() if row[column] is not None}
    if "calendarYear" in record or "fiscalYear" in record:
        year = "calendarYear" if "calendarYear" in record else "fiscalYear"
        record[year] = str(record[year])
    extra: dict[str, Any] = json.loads(row.get("extra") or "{}")
    return record | extra


def _wire(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(ZoneInfo(NEW_YORK)).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
