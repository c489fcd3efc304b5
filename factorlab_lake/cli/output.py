"""Print the output of a command: a table for people, JSON or CSV for programs, progress on stderr."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, time
from decimal import Decimal
from enum import Enum
from io import StringIO
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from factorlab_lake.cli import display
from factorlab_lake.errors import printable
from factorlab_lake.schema import TABLES

if TYPE_CHECKING:
    import polars as pl
    from rich.progress import Progress, TaskID

    from factorlab_lake.ingest.fetch_report import FetchProgress, FetchReport
    from factorlab_lake.ingest.legacy_cache.migrate import MigrationProgress, MigrationReport
    from factorlab_lake.ingest.legacy_cache.validate import ValidationReport
    from factorlab_lake.ingest.load import LoadProgress
    from factorlab_lake.sync.sync_report import SyncReport

__all__ = [
    "Output",
    "OutputFormat",
    "call_progress",
    "document_of",
    "file_progress",
    "records_of",
    "row_progress",
]

# Reports store these lists as tuples; JSON gives their parts names.
_LISTS = {
    "skipped": ("file", "reason"),
    "faults": ("file", "reason"),
    "rejects": ("file", "position", "reason"),
    "failures": ("symbol", "dataset", "error", "message"),
    "short": ("symbol", "dataset", "reason"),
    "empty": ("symbol", "dataset", "reason"),
}
_MAX_RICH_ROWS = 500  # rich takes a millisecond per row


class OutputFormat(Enum):
    """Name the forms of output."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Output:
    """Write to standard output, in the form that the global options select."""

    form: OutputFormat

    def rows(self, frame: pl.DataFrame, columns: Sequence[str] = ()) -> None:
        """Print a frame. A table for people has ``columns``; JSON and CSV have all columns."""
        if self.form is OutputFormat.JSON:
            _write(_json_rows(records_of(frame)))
        elif self.form is OutputFormat.CSV:
            _write(_csv(frame))
        else:
            self.table(frame, columns)

    def document(self, document: dict[str, Any], lines: Iterable[str]) -> None:
        """Print a report: as JSON, or as lines for people."""
        self.check_no_csv()
        if self.form is OutputFormat.JSON:
            _write(_json(_plain(document), indent=2))
        else:
            self.lines(lines)

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines for people without wrapping them: the terminal does that."""
        _write("\n".join(map(printable, lines)))

    def table(self, frame: pl.DataFrame, columns: Sequence[str] = ()) -> None:
        """Print a frame for people: with rich on a terminal, as plain lines elsewhere."""
        console = Console(highlight=False)
        names = [n for n in columns if n in frame.columns and _has_content(frame, n)] or frame.columns
        fitting = display.columns_of(frame, names, width=console.width if console.is_terminal else None)
        if console.is_terminal and frame.height <= _MAX_RICH_ROWS:
            console.print(display.table(fitting))
        else:
            self.lines(display.plain_lines(fitting))
        shown = names[: len(fitting)]
        self.lines([display.footer(frame.height, [n for n in frame.columns if n not in shown])])

    def check_no_csv(self) -> None:
        """Refuse ``--csv`` for a command that prints a report."""
        if self.form is OutputFormat.CSV:
            raise typer.BadParameter("this command prints a report, not rows; use --json", param_hint="--csv")


def _has_content(frame: pl.DataFrame, name: str) -> bool:
    return name != "reason" or frame[name].null_count() < frame.height


@contextmanager
def file_progress(task: str, output: Output) -> Iterator[MigrationProgress | None]:
    """Show finished files, records per second and the remaining time on stderr.

    Yield None with ``--json`` or without a terminal: then no progress is shown.
    """
    with _progress_bar(task, "files  {task.fields[rate]:,.0f} records/s", output) as (bar, task_id):

        def report(*, files_done: int, files_total: int, records: int, step: str = task) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            rate = records / elapsed if elapsed else 0.0
            bar.update(task_id, completed=files_done, total=files_total, rate=rate, description=step)

        yield None if bar.disable else report


@contextmanager
def call_progress(task: str, output: Output) -> Iterator[FetchProgress | None]:
    """Show finished calls, failures and the remaining time on stderr; yield None as file_progress does."""
    with _progress_bar(task, "calls  {task.fields[rate]:,.0f} failed", output) as (bar, task_id):

        def report(*, calls_done: int, calls_total: int, records: int, failures: int, step: str) -> None:  # noqa: ARG001  # part of the protocol
            bar.update(task_id, completed=calls_done, total=calls_total, rate=failures, description=step)

        yield None if bar.disable else report


@contextmanager
def row_progress(task: str, output: Output) -> Iterator[LoadProgress | None]:
    """Show the step of a load and its rows on stderr; yield None as file_progress does."""
    with _progress_bar(task, "rows", output) as (bar, task_id):

        def report(*, rows_done: int, rows_total: int | None, step: str) -> None:
            bar.update(task_id, completed=rows_done, total=rows_total, description=step)

        yield None if bar.disable else report


@contextmanager
def _progress_bar(task: str, text: str, output: Output) -> Iterator[tuple[Progress, TaskID]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(text),
        TimeRemainingColumn(),
    )
    hidden = output.form is OutputFormat.JSON or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        yield bar, bar.add_task(task, total=None, rate=0.0)


def document_of(report: MigrationReport | ValidationReport | FetchReport | SyncReport) -> dict[str, Any]:
    """Return a report as a JSON document whose lists contain objects with named parts."""
    document = asdict(report) | {"clean": report.clean}
    for part, names in _LISTS.items():
        if part in document:
            document[part] = [dict(zip(names, entry, strict=True)) for entry in document[part]]
    return document


def records_of(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as JSON values; columns with JSON text become objects."""
    parsed = _json_columns().intersection(frame.columns)
    return [
        {k: _parsed(v) if k in parsed else _plain(v) for k, v in row.items()}
        for row in frame.iter_rows(named=True)
    ]


def _json_columns() -> set[str]:
    return {"tables"} | {c.name for spec in TABLES.values() for c in spec.columns if c.kind == "json"}


def _parsed(value: Any) -> Any:
    try:
        return _plain(json.loads(value))
    except (TypeError, ValueError):  # a user's query may give other columns such a name
        return _plain(value)


def _json_rows(records: list[dict[str, Any]]) -> str:
    return "[\n" + ",\n".join(map(_json, records)) + "\n]" if records else "[]"


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, default=str)


def _csv(frame: pl.DataFrame) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows(map(_cell, row) for row in frame.iter_rows())
    return text.getvalue().removesuffix("\n")


def _cell(value: Any) -> Any:
    plain = _plain(value)
    return _json(plain) if isinstance(plain, dict | list | bool) else plain


def _plain(value: Any) -> Any:
    """Convert a value for JSON: dates become ISO 8601 texts, NaN and infinity become null."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value.hex() if isinstance(value, bytes) else value


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
