"""Cached pandas frames, as the old cache wrote some answers."""

from __future__ import annotations

from typing import Any

from factorlab_lake.errors import UnreadableFile

__all__ = ["tabulate"]


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
