"""Records that the vectorised reader refuses, as a frame: slow, careful, for few files."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import polars as pl

from factorlab_lake.errors import UnreadableFile
from factorlab_lake.ingest.fetched import Fetched

__all__ = ["frame_of", "tabulate"]


def frame_of(records: list[Any], answer: Fetched) -> pl.DataFrame:
    """Return the records that are objects as a frame; the others are noted in ``answer.broken``."""
    good = [(i, r) for i, r in enumerate(records) if isinstance(r, dict)]
    for i, record in enumerate(records):
        if not isinstance(record, dict):
            answer.broken.append(
                (i, f"a record is {type(record).__name__}, not an object", json.dumps(record)[:200])
            )
    names = dict.fromkeys(name for _, record in good for name in record)
    columns = [_column(name, [record.get(name) for _, record in good]) for name in names]
    return pl.DataFrame([pl.Series("_position", [i for i, _ in good], pl.Int64), *columns])


def tabulate(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a cached pandas frame as records; its index becomes ``date`` unless there is one."""
    try:
        columns, rows, index = list(data["columns"]), list(data["data"]), list(data["index"])
        records = [dict(zip(columns, row, strict=True)) for row in rows]
    except (KeyError, TypeError, ValueError) as fault:
        raise UnreadableFile(f"a cached DataFrame whose parts do not fit ({fault})") from None
    if not all(isinstance(c, str) for c in columns):
        raise UnreadableFile("a cached DataFrame with a column whose name is no text")
    if len(index) != len(records):
        raise UnreadableFile(f"a cached DataFrame of {len(records)} rows with {len(index)} index entries")
    if "date" in columns:
        return records
    return [{"date": str(i)[:10]} | r for i, r in zip(index, records, strict=True)]


def _column(name: str, values: list[Any]) -> pl.Series:
    present = [v for v in values if v is not None]
    if all(isinstance(v, bool) for v in present):
        return pl.Series(name, values, pl.Boolean if present else pl.Null)
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in present):
        with suppress(OverflowError):
            return pl.Series(name, [None if v is None else float(v) for v in values], pl.Float64)
    return pl.Series(name, [_text(v) for v in values], pl.String)


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return value if isinstance(value, str) else json.dumps(value)
