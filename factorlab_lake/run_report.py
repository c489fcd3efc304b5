"""Define what the report of a run can do: print itself in lines for people, also in a notebook."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from html import escape

from factorlab_lake.errors import counted, printable

__all__ = ["RunReport", "duration", "reading", "row_counts", "shortened"]

_MAX_LINES = 50
_MINUTE, _FEW_SECONDS = 60, 10


class RunReport(ABC):
    """Print a report as lines; the attributes have the numbers."""

    __slots__ = ()

    @abstractmethod
    def lines(self) -> list[str]:
        """Return the report in lines for people."""

    def __str__(self) -> str:
        return "\n".join(map(printable, self.lines()))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the lines for a notebook."""
        return f"<pre>{escape(str(self))}</pre>"


def shortened(lines: Iterable[str], most: int = _MAX_LINES) -> Iterator[str]:
    """Yield the first lines, then the number of the others.

    >>> list(shortened(["a", "b", "c"], most=1))
    ['a', '          and 2 more; --json lists all']
    """
    entries = list(lines)
    yield from entries[:most]
    if len(entries) > most:
        yield f"          and {len(entries) - most:,} more; --json lists all"


def reading(files: int, records: int, seconds: float) -> str:
    """Return how much was read, and how fast.

    >>> reading(2, 1000, 0.5)
    '2 files, 1,000 records in 0.5 s (2,000 records/s)'
    """
    rate = f" in {seconds:.1f} s ({records / seconds:,.0f} records/s)" if seconds and records else ""
    return f"{counted(files, 'file')}, {counted(records, 'record')}{rate}"


def row_counts(new: dict[str, int]) -> str:
    """Return the numbers of rows by table, without the empty ones.

    >>> row_counts({"price_data": 1200, "splits": 0}), row_counts({})
    ('price_data 1,200', 'nothing')
    """
    return ", ".join(f"{name} {rows:,}" for name, rows in new.items() if rows) or "nothing"


def duration(seconds: float) -> str:
    """Return a duration in the units that a person would use.

    >>> [duration(s) for s in (0.4, 12, 200, 3900)]
    ['0.4 s', '12 s', '3 min 20 s', '1 h 5 min']
    """
    if seconds < _MINUTE:
        return f"{seconds:.0f} s" if seconds >= _FEW_SECONDS else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes} min {rest} s" if minutes < _MINUTE else f"{minutes // 60} h {minutes % 60} min"
