"""Format frames and reports for people; ``--json`` and ``--csv`` print the exact values."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from factorlab_lake.errors import counted, printable

if TYPE_CHECKING:
    import polars as pl

    from factorlab_lake.ingest.fetch_report import FetchReport
    from factorlab_lake.ingest.legacy_cache.migrate import MigrationReport
    from factorlab_lake.ingest.legacy_cache.validate import ValidationReport
    from factorlab_lake.sync.sync_report import SyncReport

__all__ = [
    "DisplayColumn",
    "columns_of",
    "fetch_lines",
    "fetch_plan_lines",
    "flag_lines",
    "footer",
    "load_line",
    "migration_lines",
    "nothing_fetched",
    "plain_lines",
    "sync_lines",
    "table",
    "validation_lines",
    "with_visible_reasons",
]

_MAX_CELL, _MIN_CELL = 100, 20
_MAX_LINES, _MAX_NAMES = 50, 8
_IN_BILLIONS, _BILLION, _LARGE, _TINY = 1e11, 1e9, 1e5, 0.01  # limits between number formats
_GROUPED = 10_000  # a smaller integer may be a year, which has no separators
_MINUTE, _FEW_SECONDS = 60, 10
_GAP = 3  # spaces between two columns of a rich box


@dataclass(frozen=True, slots=True)
class DisplayColumn:
    """Hold a column as printed: the lines of its header, its values as text, and its alignment."""

    header: list[str]
    texts: list[str]
    right: bool

    @property
    def width(self) -> int:
        """Return the width of the column on a terminal."""
        return max(map(cell_len, [*self.header, *self.texts]))


def columns_of(
    frame: pl.DataFrame, names: Sequence[str] = (), *, width: int | None = None
) -> list[DisplayColumn]:
    """Return the named columns of a frame as text; ``width`` limits them to as many as fit."""
    longest = _MAX_CELL if width is None else max(width // 3, _MIN_CELL)
    values = {name: frame[name].to_list() for name in names or frame.columns}
    limit = _billions_limit(values)
    columns = [_column(name, of_name, longest, limit) for name, of_name in values.items()]
    return columns if width is None else columns[: _fitting([c.width for c in columns], width)]


def table(columns: Sequence[DisplayColumn]) -> Table:
    """Return a table for a terminal."""
    out = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        header = Text("\n".join(column.header))
        out.add_column(header, justify="right" if column.right else "left", vertical="bottom", no_wrap=True)
    for texts in zip(*(c.texts for c in columns), strict=True):
        out.add_row(*map(Text, texts))
    return out


def plain_lines(columns: Sequence[DisplayColumn]) -> Iterator[str]:
    """Yield the lines of a table without colours; much faster than :func:`table` for many rows."""
    if not columns:
        return
    widths = [c.width for c in columns]
    depth = max(len(c.header) for c in columns)
    headers = [[""] * (depth - len(c.header)) + c.header for c in columns]
    rows = [
        *zip(*headers, strict=True),
        ["-" * w for w in widths],
        *zip(*(c.texts for c in columns), strict=True),
    ]
    for row in rows:
        yield "   ".join(map(_padded, row, widths, (c.right for c in columns))).rstrip()


def with_visible_reasons(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Keep a row's reason only if one of the columns is empty: it may be about a column that is not shown.

    Where each factor has a reason of its own, the row's reason lists those of the empty columns.
    """
    import polars as pl

    if "reasons" in frame.columns:
        pairs = zip(frame["reason"].to_list(), frame["reasons"].to_list(), strict=True)
        texts = [reason or _causes(reasons, columns) for reason, reasons in pairs]
        return frame.with_columns(reason=pl.Series(texts, dtype=pl.String))
    empty = pl.any_horizontal(pl.col(c).is_null() for c in columns if c in frame.columns and c != "reason")
    return frame.with_columns(reason=pl.when(empty).then("reason"))


def _causes(reasons: str | None, columns: Sequence[str]) -> str | None:
    """Return the causes of the empty columns, each once."""
    by_factor: dict[str, str] = json.loads(reasons or "{}")
    return "; ".join(dict.fromkeys(by_factor[c] for c in columns if c in by_factor)) or None


def footer(rows: int, hidden: Sequence[str]) -> str:
    """Return the number of rows, and the columns that only ``--json`` and ``--csv`` print."""
    names = ", ".join(hidden) if len(hidden) <= _MAX_NAMES else f"{len(hidden)} more columns"
    more = f"; with --json or --csv also {names}" if hidden else ""
    return f"({counted(rows, 'row')}{more})"


def load_line(loaded: dict[str, Any], *, dry_run: bool = False) -> str:
    """Return the result of a load in one line."""
    if dry_run:
        return f"{loaded['table']}: {counted(loaded['rows'], 'row')} can be loaded; nothing was written"
    before, after = loaded["snapshot_before"], loaded["snapshot_after"]
    result = f"snapshot {before} → {after}" if before != after else "nothing new"
    return f"{loaded['table']}: {counted(loaded['rows'], 'row')}, {result}"


def migration_lines(report: MigrationReport, *, dry_run: bool = False) -> Iterator[str]:
    """Yield the counts of a migration or of its plan, then the files and records that it could not use."""
    before = report.files_migrated_before
    known = f"; {before:,} of the files were already migrated" if before else ""
    yield f"read      {_reading(report.files, report.records, report.seconds)}{known}"
    if dry_run:
        yield f"rejects   {counted(report.rejected, 'record')} would be rejected"
        yield "written   nothing: this was a dry run"
    else:
        yield f"new       {_counts(report.new)}"
        yield f"equal     {counted(report.equal, 'record')} already in the lake"
        yield f"rejected  {counted(report.rejected, 'record')}"
        yield f"snapshot  {report.snapshot_before} → {report.snapshot_after}"
    yield from _some(f"skipped   {file}: {why}" for file, why in report.skipped)
    yield from _some(f"fault     {file}: {why}" for file, why in report.faults)
    yield from _some(f"reject    {file}, record {at}: {why}" for file, at, why in report.rejects)


def fetch_plan_lines(report: FetchReport) -> Iterator[str]:
    """Yield the number of calls that a fetch would make, and their duration."""
    yield f"due       {_requests_for_symbols(report)}"
    duration = _duration(report.planned_s)
    yield f"calls     at least {report.calls_planned:,}, {duration} by the provider's limit"
    yield "written   nothing: this was a dry run"


def fetch_lines(report: FetchReport) -> Iterator[str]:
    """Yield the counts of a fetch, then its empty, short and failed requests."""
    reasons = "; the table rejected_records has the reasons" if report.rejected else ""
    yield f"sent      {_requests_for_symbols(report)}, {counted(report.calls, 'call')}"
    yield (
        f"received  {counted(report.records, 'record')} in {_duration(report.seconds)}, "
        f"{report.rejected:,} rejected{reasons}"
    )
    yield f"new       {_counts(report.new)}"
    yield f"snapshot  {report.snapshot_before} → {report.snapshot_after}"
    if report.split_detected:
        yield f"split?    {', '.join(report.split_detected)}: bars differ from stored bars as after a split"
    yield from _by_reason("empty", report.empty)
    yield from _by_reason("short", report.short)
    yield from _by_reason("failed", [(symbol, dataset, why) for symbol, dataset, _, why in report.failures])
    if report.stopped:
        yield f"stopped   {report.stopped}"


def _requests_for_symbols(report: FetchReport) -> str:
    return f"{counted(report.requests, 'request')} for {counted(report.symbols, 'symbol')}"


def nothing_fetched(report: FetchReport) -> str:
    """Return why a fetch received nothing, in one line with the first reason."""
    reasons = list(dict.fromkeys(_without_request(why, symbol) for symbol, _, _, why in report.failures))
    if report.stopped:
        return f"Nothing was fetched: {reasons[0]}"
    symbols = _names(list(dict.fromkeys(symbol for symbol, *_ in report.failures)))
    count = f"{len(report.failures):,} of {counted(report.requests, 'request')} failed"
    more = f" --json lists {counted(len(reasons) - 1, 'more reason')}." if reasons[1:] else ""
    return f"Nothing was fetched for {symbols}; {count}: {reasons[0]}{more}"


def _by_reason(kind: str, entries: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """Yield one line per reason, with the (symbol, dataset) pairs that share it.

    A symbol that the provider does not know fails in eight requests with one reason.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for symbol, dataset, why in entries:
        groups.setdefault(_without_request(why, symbol), []).append((symbol, dataset))
    yield from _some(f"{kind:<10}{_requests(pairs)}: {why}" for why, pairs in groups.items())


def _requests(pairs: Sequence[tuple[str, str]]) -> str:
    symbols = list(dict.fromkeys(symbol for symbol, _ in pairs))
    datasets = ", ".join(dict.fromkeys(dataset for _, dataset in pairs))
    return f"{_names(symbols)}{' ' if len(symbols) == 1 else ': '}{datasets}"


def _names(symbols: Sequence[str]) -> str:
    more = f" and {len(symbols) - _MAX_NAMES:,} more" if len(symbols) > _MAX_NAMES else ""
    return f"{', '.join(symbols[:_MAX_NAMES])}{more}"


def _without_request(why: str, symbol: str) -> str:
    """Drop the request before a reason.

    >>> _without_request("quarterly income of 'AAPL': FMP cannot be reached.", "AAPL")
    'FMP cannot be reached.'
    """
    return why.partition(f" of {symbol!r}: ")[2] or why


def validation_lines(report: ValidationReport) -> Iterator[str]:
    """Yield how the records of a cache compare with the lake."""
    yield f"compared  {_reading(report.files, report.records, report.seconds)}"
    yield f"equal     {counted(report.equal, 'record')}"
    yield f"differing {counted(report.differs, 'record')}"
    yield f"missing   {counted(report.missing, 'record')}"
    yield f"rejected  {counted(report.rejected, 'record')}"
    yield from _some(f"skipped   {file}: {why}" for file, why in report.skipped)
    yield from _some(f"fault     {file}: {why}" for file, why in report.faults)
    yield from _some(f"{f.kind:<9} {f.file}, record {f.position}: {f.difference}" for f in report.findings)


def flag_lines(flags: Mapping[str, object]) -> Iterator[str]:
    """Yield settings as environment variables.

    >>> list(flag_lines({"use_database": True, "cache_symbols": ""}))
    ['FACTORLAB_USE_DATABASE=true', 'FACTORLAB_CACHE_SYMBOLS=']
    """
    for name, value in flags.items():
        yield f"FACTORLAB_{name.upper()}={str(value).lower() if isinstance(value, bool) else value}"


def sync_lines(report: SyncReport) -> Iterator[str]:
    """Yield what a sync sent to the target, what the target contains, and what differs from the lake."""
    sent = ", ".join(f"{t.table} {t.sent:,}" for t in report.tables if t.sent)
    yield f"target    {report.target}, at snapshot {report.snapshot} in {report.seconds:.1f} s"
    yield f"sent      {sent or 'nothing: the target was current'}"
    if report.removed:
        removed = ", ".join(f"{t.table} {t.removed:,}" for t in report.tables if t.removed)
        yield f"removed   {removed}: the lake no longer contains them"
    stored = ", ".join(
        f"{t.table} {t.rows:,}{t.latest and f' to {t.latest[:10]}'}" for t in report.tables if t.rows
    )
    yield f"contains  {stored or 'nothing'}"
    if report.ahead:
        yield "ahead     another sync has since brought the target to a newer snapshot"
    yield from _some(f"repaired  {f.table}, {f.batch}: {f.what}" for f in report.repaired)
    yield from _some(f"differs   {f.table}, {f.batch}: {f.what}" for f in report.findings)
    yield from (f"warning   {text}" for text in report.warnings)
    method = "every value" if report.deep else "rows, latest dates and digests"
    of_rows = any(f.batch != "objects" for f in report.findings)
    faults = f"differs in {counted(len(report.findings), 'part')}{'; use --repair' if of_rows else ''}"
    yield f"verified  {method}: {'equal to the lake' if report.clean else faults}"


def _reading(files: int, records: int, seconds: float) -> str:
    rate = f" in {seconds:.1f} s ({records / seconds:,.0f} records/s)" if seconds and records else ""
    return f"{counted(files, 'file')}, {counted(records, 'record')}{rate}"


def _counts(new: dict[str, int]) -> str:
    return ", ".join(f"{name} {rows:,}" for name, rows in new.items() if rows) or "nothing"


def _duration(seconds: float) -> str:
    """Format a duration: 0.4 s, 12 s, 3 min 20 s, 1 h 5 min."""
    if seconds < _MINUTE:
        return f"{seconds:.0f} s" if seconds >= _FEW_SECONDS else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes} min {rest} s" if minutes < _MINUTE else f"{minutes // 60} h {minutes % 60} min"


def _some(lines: Iterable[str]) -> Iterator[str]:
    entries = list(lines)
    yield from entries[:_MAX_LINES]
    if len(entries) > _MAX_LINES:
        yield f"          and {len(entries) - _MAX_LINES:,} more; --json lists all"


def _billions_limit(columns: Mapping[str, list[Any]]) -> float:
    """Return the amount from which columns are in billions: one of them makes all large amounts so.

    Otherwise a row prints a revenue of "294.1 bn" beside an income of "74,253,000,000".
    """
    tops = (_top(values) for name, values in columns.items() if _is_amount(name))
    return _BILLION if any(top >= _IN_BILLIONS for top in tops) else _IN_BILLIONS


def _is_amount(name: str) -> bool:
    return "shares" not in name and "volume" not in name


def _top(values: list[Any]) -> float:
    """Return the largest size of the finite decimal numbers of a column."""
    return max((abs(v) for v in values if isinstance(v, float) and math.isfinite(v)), default=0.0)


def _column(name: str, values: list[Any], longest: int, limit: float) -> DisplayColumn:
    limit = limit if _is_amount(name) else _IN_BILLIONS
    texts = [t if len(t) <= longest else f"{t[: longest - 1]}…" for t in _texts(values, limit)]
    widest = max(map(cell_len, texts), default=0)
    numeric = any(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    return DisplayColumn(_header(name, widest), texts, numeric)


def _header(name: str, width: int) -> list[str]:
    """Break a long name at its underscores, to keep the column narrow."""
    lines: list[str] = []
    for part in printable(name).replace("_", "_ ").split():
        if lines and len(lines[-1]) + len(part) <= max(width, 8):
            lines[-1] += part
        else:
            lines.append(part)
    return lines


def _padded(text: str, width: int, right: bool) -> str:
    space = " " * (width - cell_len(text))
    return space + text if right else text + space


def _texts(values: list[Any], limit: float) -> list[str]:
    if any(isinstance(v, float) for v in values):
        return _floats(values, limit)
    return [_text(v) for v in values]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= _GROUPED else str(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")
    return printable(str(value))


def _floats(values: list[float | None], limit: float) -> list[str]:
    """Format a column of numbers alike: from the limit on in billions, else with the fewest decimals."""
    finite = [v for v in values if v is not None and math.isfinite(v)]
    top = _top(values)
    if top >= limit:
        return [_or_text(v, lambda x: f"{x / 1e9:,.1f} bn") for v in values]
    if 0 < top < _TINY:
        return [_or_text(v, lambda x: f"{x:.4g}") for v in values]
    most = 2 if top >= _LARGE else 4
    enough = (d for d in range(most) if all(math.isclose(round(v, d), v, rel_tol=1e-9) for v in finite))
    decimals = next(enough, most)
    return [_or_text(v, lambda x: f"{x:,.{decimals}f}") for v in values]


def _or_text(value: float | None, write: Any) -> str:
    if value is None:
        return ""
    return str(write(value)) if math.isfinite(value) else str(value)


def _fitting(widths: list[int], room: int) -> int:
    """Return how many of the columns fit side by side, at least one."""
    used = 0
    for count, width in enumerate(widths):
        used += width + (_GAP if count else 0)
        if used > room:
            return max(count, 1)
    return len(widths)
