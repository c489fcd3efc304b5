"""Define the report of a sync."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from factorlab_lake.errors import counted
from factorlab_lake.sync.protocol import Digest

__all__ = ["SyncReport", "TableReport", "TargetDifference", "digest_difference", "time_text"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TargetDifference:
    """Describe a batch in which the target differs from the lake, because something else changed it.

    ``batch`` is a year, or ``all``; ``what`` describes the difference. With ``objects`` in its place,
    ``table`` is the name of an object that another program added, and ``what`` has the statement that
    removes it.
    """

    table: str
    batch: str
    what: str


@dataclass(frozen=True, slots=True)
class TableReport:
    """Describe one table of the target: its rows, their latest date, and the rows that this sync sent."""

    table: str
    rows: int
    latest: str
    batches: int
    sent: int
    removed: int


@dataclass(frozen=True, slots=True)
class SyncReport:
    """Describe a sync: the target, the snapshot, the rows sent per table, and the findings.

    ``repaired`` lists the findings that the sync repaired, ``findings`` those that remain. ``ahead`` is true
    if another sync updated parts of the target to a newer snapshot meanwhile; these parts were not changed.
    ``warnings`` say what makes the target less safe than it can be.
    """

    target: str
    snapshot: int
    seconds: float
    deep: bool
    ahead: bool
    tables: tuple[TableReport, ...]
    findings: tuple[TargetDifference, ...]
    repaired: tuple[TargetDifference, ...]
    warnings: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Return whether the verification found no difference."""
        return not self.findings

    @property
    def sent(self) -> int:
        """Return the number of rows sent, over all tables."""
        return sum(t.sent for t in self.tables)

    @property
    def removed(self) -> int:
        """Return the number of rows deleted on the target, over all tables."""
        return sum(t.removed for t in self.tables)


def digest_difference(expected: Digest, actual: Digest) -> str:
    """Describe the difference between the digest of the lake and that of the target."""
    if expected.rows != actual.rows:
        return f"{counted(actual.rows, 'row')}, the lake has {expected.rows:,}"
    if expected.latest != actual.latest:
        return f"latest {time_text(actual.latest)}, the lake has {time_text(expected.latest)}"
    return f"values of some of {counted(actual.rows, 'row')} differ from the lake's"


def time_text(latest: str) -> str:
    """Return a time in µs since 1970 as a date, or as a time if it is not midnight.

    >>> time_text("1617148800000000")
    '2021-03-31'
    """
    try:
        at = _EPOCH + timedelta(microseconds=int(latest))
    except (ValueError, OverflowError):
        return latest
    return at.date().isoformat() if at.time() == _EPOCH.time() else at.isoformat()
