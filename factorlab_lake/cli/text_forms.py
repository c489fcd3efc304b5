"""Write frames and documents as JSON and CSV: exact values, in forms that other programs read."""

from __future__ import annotations

import csv
import json
import math
from datetime import date, time
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING, Any

from factorlab_lake.schema import TABLES

if TYPE_CHECKING:
    import polars as pl

__all__ = ["csv_text", "json_rows", "json_text", "plain", "records_of"]


def records_of(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as JSON values; columns with JSON text become objects."""
    parsed = _json_columns().intersection(frame.columns)
    return [
        {k: _parsed(v) if k in parsed else plain(v) for k, v in row.items()}
        for row in frame.iter_rows(named=True)
    ]


def _json_columns() -> set[str]:
    return {"tables"} | {c.name for spec in TABLES.values() for c in spec.columns if c.kind == "json"}


def _parsed(value: Any) -> Any:
    try:
        return plain(json.loads(value))
    except (TypeError, ValueError):  # a user's query may give other columns such a name
        return plain(value)


def json_rows(frame: pl.DataFrame) -> str:
    """Return the rows of a frame as a JSON list, one row per line."""
    records = records_of(frame)
    return "[\n" + ",\n".join(map(json_text, records)) + "\n]" if records else "[]"


def json_text(value: Any, indent: int | None = None) -> str:
    """Return a value as strict JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, default=str)


def csv_text(frame: pl.DataFrame) -> str:
    """Return a frame as CSV, without a line end behind the last row."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows(map(_cell, row) for row in frame.iter_rows())
    return text.getvalue().removesuffix("\n")


def _cell(value: Any) -> Any:
    cell = plain(value)
    return json_text(cell) if isinstance(cell, dict | list | bool) else cell


def plain(value: Any) -> Any:
    """Convert a value for JSON: dates become ISO 8601 texts, NaN and infinity become null."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value.hex() if isinstance(value, bytes) else value
