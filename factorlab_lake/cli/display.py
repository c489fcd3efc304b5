"""Format frames and reports for people; ``--json`` and ``--csv`` print the exact values."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
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


__all__ = [
    "DisplayColumn",
    "columns_of",
    "flag_lines",
    "footer",
    "load_line",
    "plain_lines",
    "table",
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
    """Hold a column as printed: its name, the lines of its header, its values as text, and its alignment."""

    name: str
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
    """Return the named columns of a frame as text; ``width`` limits them to as many as fit.

    The column ``reason`` keeps its place at the end: without it, an empty answer could not be understood.
    """
    longest = _MAX_CELL if width is None else max(width // 3, _MIN_CELL)
    values = {name: frame[name].to_list() for name in names or frame.columns}
    limit = _billions_limit(values)
    columns = [_column(name, of_name, longest, limit) for name, of_name in values.items()]
    if width is None:
        return columns
    last = columns[-1:] if list(values)[-1:] == ["reason"] else []
    room = width - sum(c.width + _GAP for c in last)
    first = columns[: len(columns) - len(last)]
    return [*first[: _fitting([c.width for c in first], room)], *last]


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


def with_main_items(
    frame: pl.DataFrame, main: Mapping[str, Sequence[str]]
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return statements with the main items of their types as columns, and the names of these columns.

    Statements of several types have few items in common: they have one column with the items as text.
    """
    import polars as pl

    types = frame["statement_type"].unique().to_list()
    values = [json.loads(metrics or "{}") for metrics in frame["metrics"].to_list()]
    if len(types) == 1:
        names = tuple(main[types[0]])
        return frame.with_columns(pl.Series(n, [v.get(n) for v in values], pl.Float64) for n in names), names
    texts = [
        ", ".join(
            f"{name} {_floats([v[name]], _BILLION)[0]}" for name in main[kind] if v.get(name) is not None
        )
        for kind, v in zip(frame["statement_type"].to_list(), values, strict=True)
    ]
    return frame.with_columns(pl.Series("items", texts, pl.String)), ("items",)


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


def flag_lines(flags: Mapping[str, object]) -> Iterator[str]:
    """Yield settings as environment variables.

    >>> list(flag_lines({"use_database": True, "cache_symbols": ""}))
    ['FACTORLAB_USE_DATABASE=true', 'FACTORLAB_CACHE_SYMBOLS=']
    """
    for name, value in flags.items():
        yield f"FACTORLAB_{name.upper()}={str(value).lower() if isinstance(value, bool) else value}"


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
    return DisplayColumn(name, _header(name, widest), texts, numeric)


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
