"""Define the report of a sync."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from factorlab_lake.errors import counted
from factorlab_lake.run_report import RunReport, shortened
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


@dataclass(frozen=True, slots=True, repr=False)
class SyncReport(RunReport):
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

    def lines(self) -> list[str]:
        """Return what was sent to the target, what it contains, and what differs from the lake."""
        return list(self._lines())

    def _lines(self) -> Iterator[str]:
        """Yield the lines one after another."""
        sent = ", ".join(f"{t.table} {t.sent:,}" for t in self.tables if t.sent)
        yield f"target    {self.target}, at snapshot {self.snapshot} in {self.seconds:.1f} s"
        yield f"sent      {sent or 'nothing: the target was current'}"
        if self.removed:
            removed = ", ".join(f"{t.table} {t.removed:,}" for t in self.tables if t.removed)
            yield f"removed   {removed}: the lake no longer contains them"
        stored = ", ".join(
            f"{t.table} {t.rows:,}{t.latest and f' to {t.latest[:10]}'}" for t in self.tables if t.rows
        )
        yield f"contains  {stored or 'nothing'}"
        if self.ahead:
            yield "ahead     another sync has since brought the target to a newer snapshot"
        yield from shortened(f"repaired  {f.table}, {f.batch}: {f.what}" for f in self.repaired)
        yield from shortened(f"differs   {f.table}, {f.batch}: {f.what}" for f in self.findings)
        yield from (f"warning   {text}" for text in self.warnings)
        method = "every value" if self.deep else "rows, latest dates and digests"
        of_rows = any(f.batch != "objects" for f in self.findings)
        faults = f"differs in {counted(len(self.findings), 'part')}{'; use --repair' if of_rows else ''}"
        yield f"verified  {method}: {'equal to the lake' if self.clean else faults}"


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
