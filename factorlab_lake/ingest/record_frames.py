"""Convert the records of fetch results to one frame, and the rows of a table back to records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.parse_values import NEW_YORK
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.providers.records import fields, generations

__all__ = ["group_by_shape", "render", "to_frame"]


def group_by_shape(answers: Sequence[FetchResult]) -> list[list[FetchResult]]:
    """Group answers with records by provider, so that no field is a number in one and text in another.

    In one frame such a field would be text in all; what a record says must not depend on its neighbours.
    """
    kinds: dict[str, set[str]] = {}
    given = [(a, a.records) for a in answers if a.records is not None and not a.records.is_empty()]
    for _, records in given:
        for name, dtype in records.schema.items():
            kinds.setdefault(name, set()).add(_kind(dtype))
    mixed = [name for name, found in kinds.items() if len(found - {""}) > 1]
    groups: dict[tuple[str, ...], list[FetchResult]] = {}
    for answer, records in given:
        shape = (answer.provider, *(_kind(records.schema.get(name, pl.Null())) for name in mixed))
        groups.setdefault(shape, []).append(answer)
    return list(groups.values())


def _kind(dtype: pl.DataType) -> str:
    return "" if dtype == pl.Null else "number" if dtype.is_numeric() else str(dtype)


def to_frame(answers: Sequence[FetchResult]) -> pl.DataFrame:
    """Return the records of several answers as one frame, with the columns that say where each came from."""
    frames = [a.records for a in answers if a.records is not None]
    records = pl.concat(frames, how="diagonal_relaxed")
    counts = pl.Series([f.height for f in frames], dtype=pl.Int64)
    given = [a for a in answers if a.records is not None]
    context = pl.DataFrame(
        {
            "_symbol": pl.Series([a.symbol for a in given], dtype=pl.String),
            "_period": pl.Series([a.period for a in given], dtype=pl.String),
            "_fetch_id": pl.Series([a.fetch_id for a in given], dtype=pl.String),
            "_fetched_at": pl.Series([a.fetched_at for a in given], dtype=pl.Datetime("us", "UTC")),
            "_provider": pl.Series([a.provider for a in given], dtype=pl.String),
            "_place": pl.int_ranges(0, counts, eager=True),
        }
    ).select(pl.exclude("_place").repeat_by(counts), "_place")
    context = context.explode(context.columns)
    # A reader that left records out says which places the others had.
    place = (
        pl.col("_position").fill_null(pl.col("_place"))
        if "_position" in records.columns
        else pl.col("_place")
    )
    return pl.concat([context, records], how="horizontal").with_columns(_position=place).drop("_place")


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
