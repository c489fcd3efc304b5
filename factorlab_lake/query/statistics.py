"""Log the queries of a lake to a file in its folder, if the user enabled it, and without their values.

One line per query has the time, the tables and functions that it names, the number of rows, the duration and
whether it failed. The text of a query and its parameters are not logged, so no symbol, date or figure is.

A full file replaces the older of two files. So the newest queries stay, in two files at most.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
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

_FILE_BYTES = 4 * 1024 * 1024  # some 25,000 queries
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": pl.String,
    "asked": pl.List(pl.String),
    "rows": pl.Int64,
    "duration_ms": pl.Float64,
    "failed": pl.Boolean,
}


class CountedSession(Session):
    """Log each query of a session; the answers are the same."""

    clock: Callable[[], float] = staticmethod(time.perf_counter)

    def frame(
        self,
        sql: str,
        params: dict[str, Any] | None = None,
        *,
        needs: QueryHints | None = None,
        sparing: bool = False,
    ) -> pl.DataFrame:
        """Run a query of this package, log it, and return its rows; a failing query is logged too."""
        run = super().frame
        return self._counted(sql, lambda: run(sql, params, needs=needs, sparing=sparing))

    def sql(
        self,
        text: str,
        params: dict[str, Any] | None = None,
        *,
        frames: Mapping[str, Any] | None = None,
    ) -> pl.DataFrame:
        """Run the SQL of a user, log it, and return its rows; failing SQL is logged too."""
        return self._counted(text, lambda: super(CountedSession, self).sql(text, params, frames=frames))

    def _counted(self, sql: str, run: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        started, rows = self.clock(), None
        try:
            answer = run()
            rows = answer.height
            return answer
        finally:
            self._log(sql, rows, 1000 * (self.clock() - started))

    def _log(self, sql: str, rows: int | None, duration_ms: float) -> None:
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "asked": mentioned(sql),
            "rows": rows,
            "duration_ms": round(duration_ms, 3),
            "failed": rows is None,
        }
        # A query must not fail because the folder is read-only or the disk is full. One write per line, so
        # that no process can write into another's line.
        with suppress(OSError), _file(self.layout).open("ab", buffering=0) as file:
            file.write(f"{json.dumps(line)}\n".encode())
            if file.tell() >= _FILE_BYTES:
                _set_aside(self.layout, os.fstat(file.fileno()))


def session_kind() -> type[Session]:
    """Return the class of session to open: one that logs its queries while the setting is on."""
    return CountedSession if configured("query_statistics") else Session


def recorded(layout: Layout) -> pl.DataFrame:
    """Return one row per logged query, in order of time, without lines that a full disk cut short."""
    lines = []
    for path in (_older(layout), _file(layout)):
        with suppress(FileNotFoundError):
            for line in path.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError):
                    lines.append(json.loads(line))
    return pl.DataFrame(lines, schema=_SCHEMA).with_columns(pl.col("at").str.to_datetime(time_zone="UTC"))


def summary(layout: Layout) -> pl.DataFrame:
    """Return one row per combination of tables and functions, with counts, rows, failures and times."""
    queries = recorded(layout).with_columns(pl.col("asked").list.join(", "))
    return (
        queries.group_by("asked")
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
    """Rename a full file to the older one, unless another process just did."""
    if os.path.samestat(full, _file(layout).stat()):
        _file(layout).replace(_older(layout))


def _file(layout: Layout) -> Path:
    return layout.identity.with_name("query_statistics.jsonl")


def _older(layout: Layout) -> Path:
    return layout.identity.with_name("query_statistics.older.jsonl")
