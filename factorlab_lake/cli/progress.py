"""The bar of long work, on stderr so that it never mixes with the output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from factorlab_lake.cli.output import Form, Output

if TYPE_CHECKING:
    from factorlab_lake.legacy.migrate import Progress as Report

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(doing: str, output: Output) -> Iterator[Report | None]:
    """Show files done, records per second and the time left; nothing with ``--json`` or no terminal."""
    console = Console(stderr=True)
    if output.form is Form.JSON or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files  {task.fields[rate]:,.0f} records/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(doing, total=None, rate=0.0)

        def report(*, files_done: int, files_total: int, records: int) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            rate = records / elapsed if elapsed else 0.0
            bar.update(task, completed=files_done, total=files_total, rate=rate)

        yield report
