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
    """Group results with records by provider and by the types of their fields.

    If a field is a number in one result and text in another, one frame would turn both into text. A record's
    value must not depend on the other records.
    """
    kinds: dict[str, set[str]] = {}
    filled = [(a, a.records) for a in answers if a.records is not None and not a.records.is_empty()]
    for _, records in filled:
        for name, dtype in records.schema.items():
            kinds.setdefault(name, set()).add(_kind(dtype))
    mixed = [name for name, types in kinds.items() if len(types - {""}) > 1]
    groups: dict[tuple[str, ...], list[FetchResult]] = {}
    for answer, records in filled:
        shape = (answer.provider, *(_kind(records.schema.get(name, pl.Null())) for name in mixed))
        groups.setdefault(shape, []).append(answer)
    return list(groups.values())


def _kind(dtype: pl.DataType) -> str:
    return "" if dtype == pl.Null else "number" if dtype.is_numeric() else str(dtype)


def to_frame(answers: Sequence[FetchResult]) -> pl.DataFrame:
    """Return the records of several results as one frame, with columns for the origin of each record."""
    readable = [a for a in answers if a.records is not None]
    frames = [a.records for a in readable if a.records is not None]
    records = pl.concat(frames, how="diagonal_relaxed")
    counts = pl.Series([f.height for f in frames], dtype=pl.Int64)
    context = pl.DataFrame(
        {
            "_symbol": pl.Series([a.symbol for a in readable], dtype=pl.String),
            "_period": pl.Series([a.period for a in readable], dtype=pl.String),
            "_fetch_id": pl.Series([a.fetch_id for a in readable], dtype=pl.String),
            "_fetched_at": pl.Series([a.fetched_at for a in readable], dtype=pl.Datetime("us", "UTC")),
            "_provider": pl.Series([a.provider for a in readable], dtype=pl.String),
            "_mapping": pl.Series([a.mapping for a in readable], dtype=pl.String),
            "_place": pl.int_ranges(0, counts, eager=True),
        }
    ).select(pl.exclude("_place").repeat_by(counts), "_place")
    context = context.explode(context.columns)
    # A reader that skipped broken records provides the original positions of the others.
    position = (
        pl.col("_position").fill_null(pl.col("_place"))
        if "_position" in records.columns
        else pl.col("_place")
    )
    return pl.concat([context, records], how="horizontal").with_columns(_position=position).drop("_place")


def render(
    rows: pl.DataFrame, dataset: str, generation: str = "v3", *, with_nulls: bool = False
) -> list[dict[str, Any]]:
    """Return the rows of a table as FMP's records of one API generation, one record per row.

    NULL items are omitted, or None ``with_nulls``; items of ``extra`` return under their own names. Whole
    numbers are ints, and times are New York wall time, as FMP writes them.
    """
    if generation not in generations(dataset):
        known = ", ".join(generations(dataset))
        raise InvalidInput(f"FMP has no generation {generation!r} of {dataset!r}; expected one of {known}.")
    columns = set(rows.columns)
    names = {field: column for field, column in fields(dataset, generation).items() if column in columns}
    records = (_record(row, names) for row in rows.iter_rows(named=True))
    return [dict.fromkeys(names) | record if with_nulls else record for record in records]


def _record(row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    record = {field: _fmp_value(row[column]) for field, column in names.items() if row[column] is not None}
    if "calendarYear" in record or "fiscalYear" in record:
        year = "calendarYear" if "calendarYear" in record else "fiscalYear"
        record[year] = str(record[year])
    extra: str | None = row.get("extra")
    return record | json.loads(extra) if extra else record


def _fmp_value(value: Any) -> Any:
    if isinstance(value, float):  # nearly all are
        return int(value) if value.is_integer() else value
    if isinstance(value, datetime):
        return value.astimezone(ZoneInfo(NEW_YORK)).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    return value
