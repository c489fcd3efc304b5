"""What came of a sync."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from factorlab_lake.sync.protocol import Digest

__all__ = ["SyncReport", "TableReport", "TargetDifference", "difference", "moment"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TargetDifference:
    """A part of a table where the target is not as the sync left it: rows, latest date and digest differ.

    ``batch`` is a year, or ``all``; ``what`` says in words what differs.
    """

    table: str
    batch: str
    what: str


@dataclass(frozen=True, slots=True)
class TableReport:
    """One table: its rows in the target and the latest date among them, and what was sent this time."""

    table: str
    rows: int
    latest: str
    batches: int
    sent: int
    removed: int


@dataclass(frozen=True, slots=True)
class SyncReport:
    """A sync: where to, which snapshot, what was sent, and what the verification found.

    ``repaired`` are findings that were put right; ``findings`` those that stand. ``ahead`` is true when
    another sync brought parts of the target to a newer snapshot meanwhile; these were left as they are.
    """

    target: str
    snapshot: int
    seconds: float
    deep: bool
    ahead: bool
    tables: tuple[TableReport, ...]
    findings: tuple[TargetDifference, ...]
    repaired: tuple[TargetDifference, ...]

    @property
    def clean(self) -> bool:
        """Whether the target is equal to the lake as far as it was compared."""
        return not self.findings

    @property
    def sent(self) -> int:
        """Rows sent, over all tables."""
        return sum(t.sent for t in self.tables)

    @property
    def removed(self) -> int:
        """Rows taken away, over all tables."""
        return sum(t.removed for t in self.tables)


def difference(expected: Digest, found: Digest) -> str:
    """Say in words how two digests differ."""
    if expected.rows != found.rows:
        return f"{found.rows:,} rows, the lake has {expected.rows:,}"
    if expected.latest != found.latest:
        return f"latest {moment(found.latest)}, the lake has {moment(expected.latest)}"
    return f"values of some of the {found.rows:,} rows differ from the lake's"


def moment(latest: str) -> str:
    """Return a time in µs since 1970 as a date, or as a time where it is not midnight.

    >>> moment("1617148800000000")
    '2021-03-31'
    """
    try:
        at = _EPOCH + timedelta(microseconds=int(latest))
    except (ValueError, OverflowError):
        return latest
    return at.date().isoformat() if at.time() == _EPOCH.time() else at.isoformat()
