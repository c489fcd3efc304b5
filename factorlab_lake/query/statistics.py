"""What a lake was asked: opt-in, in a file of the lake's own folder, and never with a value in it.

A line per question: when, the tables and functions it named, how many rows it gave, how long it took, and
whether it failed. Neither the text of a query nor its parameters are kept, so no symbol, date or figure is.

A file that is full becomes the older of two, in place of the one that was: the newest questions are kept, and
never more than two files' worth.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from factorlab_lake.functions.duckdb_functions import mentioned
from factorlab_lake.query.query_hints import QueryHints
from factorlab_lake.query.session import Session
from factorlab_lake.settings import configured
from factorlab_lake.storage.layout import Layout

__all__ = ["CountedSession", "recorded", "session_kind", "summary"]

_FILE_BYTES = 4 * 1024 * 1024  # some 25,000 questions
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": pl.String,
    "asked": pl.List(pl.String),
    "rows": pl.Int64,
    "duration_ms": pl.Float64,
    "failed": pl.Boolean,
}


class CountedSession(Session):
    """A session that notes what it is asked; it answers as any other."""

    clock: Callable[[], float] = staticmethod(time.perf_counter)

    def frame(
        self,
        sql: str,
        params: dict[str, Any] | None = None,
        *,
        needs: QueryHints | None = None,
        user_sql: bool = False,
    ) -> pl.DataFrame:
        """Run a query, return its rows, and note it; one that fails is noted too."""
        started, rows = self.clock(), None
        try:
            found = super().frame(sql, params, needs=needs, user_sql=user_sql)
            rows = found.height
            return found
        finally:
            self._note(sql, rows, 1000 * (self.clock() - started))

    def _note(self, sql: str, rows: int | None, duration_ms: float) -> None:
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "asked": mentioned(sql),
            "rows": rows,
            "duration_ms": round(duration_ms, 3),
            "failed": rows is None,
        }
        # No answer fails for its note, be the folder read-only or the disk full. One write per line, so that
        # none is cut in two.
        with suppress(OSError), _file(self.layout).open("ab", buffering=0) as file:
            file.write(f"{json.dumps(line)}\n".encode())
            if file.tell() >= _FILE_BYTES:
                _set_aside(self.layout, os.fstat(file.fileno()))


def session_kind() -> type[Session]:
    """Return the kind of session to open: one that notes its questions while the setting is on."""
    return CountedSession if configured("query_statistics") else Session


def recorded(layout: Layout) -> pl.DataFrame:
    """Return one row per question noted, in order of time; a line cut short by a full disk is left out."""
    lines = []
    for path in (_older(layout), _file(layout)):
        with suppress(FileNotFoundError):
            for line in path.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError):
                    lines.append(json.loads(line))
    return pl.DataFrame(lines, schema=_SCHEMA).with_columns(pl.col("at").str.to_datetime(time_zone="UTC"))


def summary(layout: Layout) -> pl.DataFrame:
    """Return one row per combination of tables and functions asked: how often, rows, failures and time."""
    asked = recorded(layout).with_columns(pl.col("asked").list.join(", "))
    return (
        asked.group_by("asked")
        .agg(
            pl.len().cast(pl.Int64).alias("questions"),
            pl.col("failed").sum().cast(pl.Int64),
            pl.col("rows").sum(),
            pl.col("duration_ms").median().alias("median_ms"),
            pl.col("duration_ms").max().alias("longest_ms"),
            pl.col("duration_ms").sum().alias("total_ms"),
            pl.col("at").max().alias("last_at"),
        )
        .sort("total_ms", "asked", descending=[True, False])
    )


def _set_aside(layout: Layout, full: os.stat_result) -> None:
    """Make a full file the older one, unless another process just did."""
    if os.path.samestat(full, _file(layout).stat()):
        _file(layout).replace(_older(layout))


def _file(layout: Layout) -> Path:
    return layout.identity.with_name("query_statistics.jsonl")


def _older(layout: Layout) -> Path:
    return layout.identity.with_name("query_statistics.older.jsonl")
