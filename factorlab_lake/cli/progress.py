"""The bar of long work, on stderr so that it never mixes with the output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from factorlab_lake.cli.output import Output, OutputFormat

if TYPE_CHECKING:
    from factorlab_lake.ingest.fetch_report import FetchProgress
    from factorlab_lake.ingest.legacy_cache.migrate import MigrationProgress as Report

__all__ = ["call_bar", "progress_bar"]


@contextmanager
def progress_bar(doing: str, output: Output) -> Iterator[Report | None]:
    """Show files done, records per second and the time left; nothing with ``--json`` or no terminal."""
    with _bar(doing, "files  {task.fields[rate]:,.0f} records/s", output) as (bar, task):

        def report(*, files_done: int, files_total: int, records: int) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            rate = records / elapsed if elapsed else 0.0
            bar.update(task, completed=files_done, total=files_total, rate=rate)

        yield None if bar.disable else report


@contextmanager
def call_bar(doing: str, output: Output) -> Iterator[FetchProgress | None]:
    """Show calls done and left, failures and the time left; nothing with ``--json`` or no terminal."""
    with _bar(doing, "calls  {task.fields[rate]:,.0f} failed", output) as (bar, task):

        def report(*, calls_done: int, calls_total: int, records: int, failures: int) -> None:  # noqa: ARG001  # part of the protocol
            bar.update(task, completed=calls_done, total=calls_total, rate=failures)

        yield None if bar.disable else report


@contextmanager
def _bar(doing: str, text: str, output: Output) -> Iterator[tuple[Progress, TaskID]]:
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(text),
        TimeRemainingColumn(),
    )
    unseen = output.form is OutputFormat.JSON or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=unseen) as bar:
        yield bar, bar.add_task(doing, total=None, rate=0.0)
