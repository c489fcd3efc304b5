"""What a command prints: a table for people, or JSON or CSV for programs."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, time
from decimal import Decimal
from enum import Enum
from io import StringIO
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from factorlab_lake.cli import display
from factorlab_lake.schema import TABLES

if TYPE_CHECKING:
    import polars as pl

    from factorlab_lake.ingest.fetch_report import FetchReport
    from factorlab_lake.ingest.legacy_cache.migrate import MigrationReport
    from factorlab_lake.ingest.legacy_cache.validate import ValidationReport
    from factorlab_lake.sync.sync_report import SyncReport

__all__ = ["Output", "OutputFormat", "document_of", "records_of"]

_LISTS = {
    "skipped": ("file", "reason"),
    "faults": ("file", "reason"),
    "rejects": ("file", "position", "reason"),
    "failures": ("symbol", "dataset", "error", "message"),
    "short": ("symbol", "dataset", "reason"),
    "empty": ("symbol", "dataset", "reason"),
}
_MOST_RICH_ROWS = 500  # rich takes a millisecond for each


class OutputFormat(Enum):
    """What to print."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Output:
    """Standard output, in the form that was asked for."""

    form: OutputFormat

    def rows(self, frame: pl.DataFrame, columns: Sequence[str] = ()) -> None:
        """Print a frame; ``columns`` are those that a person sees, programs get all."""
        if self.form is OutputFormat.JSON:
            _write(_json_rows(records_of(frame)))
        elif self.form is OutputFormat.CSV:
            _write(_csv(frame))
        else:
            self.table(frame, columns)

    def document(self, document: dict[str, Any], lines: Iterable[str]) -> None:
        """Print a report: as JSON, or as lines for a person."""
        self.check_no_csv()
        if self.form is OutputFormat.JSON:
            _write(_json(_plain(document), indent=2))
        else:
            self.lines(lines)

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines for a person, each whole: a terminal wraps them."""
        _write("\n".join(lines))

    def table(self, frame: pl.DataFrame, columns: Sequence[str] = ()) -> None:
        """Print a frame for a person: with rich on a terminal, as plain lines elsewhere."""
        console = Console(highlight=False)
        names = [n for n in columns if n in frame.columns and _says_something(frame, n)] or frame.columns
        chosen = display.columns_of(frame, names, width=console.width if console.is_terminal else None)
        if console.is_terminal and frame.height <= _MOST_RICH_ROWS:
            console.print(display.table(chosen))
        else:
            self.lines(display.plain_lines(chosen))
        shown = names[: len(chosen)]
        self.lines([display.footer(frame.height, [n for n in frame.columns if n not in shown])])

    def check_no_csv(self) -> None:
        """Refuse ``--csv`` for what is not rows."""
        if self.form is OutputFormat.CSV:
            raise typer.BadParameter("this command prints a report, not rows; use --json", param_hint="--csv")


def _says_something(frame: pl.DataFrame, name: str) -> bool:
    return name != "reason" or frame[name].null_count() < frame.height


def document_of(report: MigrationReport | ValidationReport | FetchReport | SyncReport) -> dict[str, Any]:
    """Return a report as JSON can hold it, with names for what its lists hold."""
    document = asdict(report) | {"clean": report.clean}
    for part, names in _LISTS.items():
        if part in document:
            document[part] = [dict(zip(names, entry, strict=True)) for entry in document[part]]
    return document


def records_of(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows as JSON can hold them; columns that are JSON in the lake become objects."""
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
    except (TypeError, ValueError):  # a query may give any column such a name
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
    """Return a value as JSON can hold it: dates in ISO 8601, and null for what is no number."""
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
