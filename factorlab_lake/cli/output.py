"""Print the output of a command: a table for people, JSON or CSV for programs, progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from factorlab_lake.cli import display, output_file
from factorlab_lake.cli.text_forms import csv_text, json_rows, json_text, plain
from factorlab_lake.errors import InvalidInput, counted, nearest, printable

if TYPE_CHECKING:
    from pathlib import Path

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
    """Write answers to standard output or a file, in the form that the global options select.

    ``columns`` are those that the user chose; ``quiet`` leaves out everything but answers and errors.
    """

    form: OutputFormat
    columns: tuple[str, ...] = ()
    file: Path | None = None
    quiet: bool = False

    @property
    def shows_table(self) -> bool:
        """Return whether answers are a table of columns that fit a person's screen."""
        return self.form is OutputFormat.TABLE and self.file is None and not self.columns

    def rows(self, frame: pl.DataFrame, columns: Sequence[str] = ()) -> None:
        """Print a frame. A table for people has ``columns``; JSON, CSV and files have all columns."""
        if self.columns:
            frame, columns = self._chosen(frame), self.columns
        if self.file is not None:
            output_file.write(frame, self.file)
            self.note(f"{self.file}: {counted(frame.height, 'row')}")
        elif self.form is OutputFormat.JSON:
            _write(json_rows(frame))
        elif self.form is OutputFormat.CSV:
            _write(csv_text(frame))
        else:
            self.table(frame, columns)

    def _chosen(self, frame: pl.DataFrame) -> pl.DataFrame:
        for number, name in enumerate(self.columns):
            if name in self.columns[:number]:
                raise InvalidInput(f"--columns has {name!r} twice; name each column once.", value=name)
            if name not in frame.columns:
                near = nearest(name, frame.columns)
                raise InvalidInput(
                    f"--columns has {name!r}; expected some of {', '.join(frame.columns)}.{near}", value=name
                )
        return frame.select(self.columns)

    def document(self, document: dict[str, Any], lines: Iterable[str]) -> None:
        """Print a report: as JSON, or as lines for people."""
        self.check_report()
        if self.file is not None:
            output_file.replace(self.file, f"{json_text(plain(document), indent=2)}\n".encode())
        elif self.form is OutputFormat.JSON:
            _write(json_text(plain(document), indent=2))
        elif not self.quiet:
            self.lines(lines)

    def note(self, line: str) -> None:
        """Print a line about the output on stderr, unless the user wants only answers."""
        if not self.quiet:
            typer.echo(printable(line), err=True)

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
        shown = {column.name for column in fitting}
        if not self.quiet:
            self.lines([display.footer(frame.height, [n for n in frame.columns if n not in shown])])

    def check_report(self) -> None:
        """Refuse the options that need rows, for a command that prints a report."""
        needs_rows = {
            "--csv": self.form is OutputFormat.CSV,
            "--columns": bool(self.columns),
            "--output": self.file is not None and self.file.suffix.lower() != ".json",
        }
        for option in (name for name, is_set in needs_rows.items() if is_set):
            use = "a file that ends with .json" if option == "--output" else "--json"
            message = f"this command prints a report, not rows; use {use}"
            raise typer.BadParameter(message, param_hint=option)


def _has_content(frame: pl.DataFrame, name: str) -> bool:
    return name != "reason" or frame[name].null_count() < frame.height


@contextmanager
def file_progress(task: str, output: Output) -> Iterator[MigrationProgress | None]:
    """Show finished files, records per second and the remaining time on stderr.

    Yield None with ``--json``, with ``--quiet`` or without a terminal: then no progress is shown.
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
    hidden = output.quiet or output.form is OutputFormat.JSON or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        yield bar, bar.add_task(task, total=None, rate=0.0)


def document_of(report: MigrationReport | ValidationReport | FetchReport | SyncReport) -> dict[str, Any]:
    """Return a report as a JSON document whose lists contain objects with named parts."""
    document = asdict(report) | {"clean": report.clean}
    for part, names in _LISTS.items():
        if part in document:
            document[part] = [dict(zip(names, entry, strict=True)) for entry in document[part]]
    return document


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
