"""Sync a target to a snapshot of the lake, and verify it.

Each batch is one transaction, so a sync after an interrupted one continues where that stopped. Every sync
ends with a verification of the whole target. It compares row counts, latest times and digests of each table
and year with those of the lake's files. The target's digests come from the hashes stored with its rows.

A target may answer for a large table from its ledger, if nothing else wrote to the table since it was
verified within the last day. A deep verification uses nothing that was stored: it reads the values of both
sides and hashes every row again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from factorlab_lake.errors import InvalidInput, counted
from factorlab_lake.schema import TABLES, TableSpec, table
from factorlab_lake.schema.limits import MAX_SYMBOL_LENGTH
from factorlab_lake.storage import snapshots
from factorlab_lake.storage.lake_settings import read_settings, to_lag_days
from factorlab_lake.storage.layout import Layout
from factorlab_lake.sync.changes import SentRows, send_batch
from factorlab_lake.sync.digests import LakeSide, digest_of
from factorlab_lake.sync.protocol import OBJECTS, ROW_HASH, Batch, Digest, Digests, Ledger, Recorded, Target
from factorlab_lake.sync.row_hash import hashed
from factorlab_lake.sync.sync_report import (
    SyncReport,
    TableReport,
    TargetDifference,
    digest_difference,
    time_text,
)

__all__ = ["SyncProgress", "sync"]

# From so many rows on, a first load builds its key at the end, and a table that received them is analyzed.
_LARGE_ROWS = 10_000
_SHOWN_SYMBOLS, _SHOWN_LETTERS = 3, 24  # of those that are too long


class SyncProgress(Protocol):
    """Receives the progress after each batch."""

    def __call__(self, *, files_done: int, files_total: int, records: int) -> None:
        """Show the progress."""


def sync(
    layout: Layout,
    target: Target,
    *,
    deep: bool = False,
    repair: bool = False,
    progress: SyncProgress | None = None,
) -> SyncReport:
    """Sync a target to the newest snapshot and verify it; see :meth:`factorlab_lake.lake.Lake.sync`."""
    started = time.perf_counter()
    side = LakeSide(layout, snapshots.latest(layout))
    lag_days = to_lag_days(read_settings(layout).availability)
    target.prepare(layout.lake_id, side.filled, lag_days=lag_days)
    run = _Run(side, target, repair, progress)
    run.send()
    findings = run.verify(deep=deep)
    repaired: list[TargetDifference] = []
    if findings and repair:
        run.repair_findings(findings, deep=deep)
        before, findings = findings, run.verify(deep=deep)
        repaired = [f for f in before if f not in findings]
    return run.report(findings, repaired, deep=deep, seconds=time.perf_counter() - started)


@dataclass(slots=True)
class _Run:
    side: LakeSide
    target: Target
    repair: bool
    progress: SyncProgress | None
    sent: dict[str, SentRows] = field(default_factory=dict)
    target_digests: Digests = field(default_factory=dict)
    ahead: bool = False
    _own_digests: dict[int, str] = field(default_factory=dict)

    def send(self) -> None:
        """Send every batch whose digest is not the one in the ledger."""
        ledger = self.target.ledger()
        self._check_not_newer(ledger)
        waiting = list(self._outdated(ledger))
        self.target.expect(spec for spec in TABLES.values() if spec.name not in ledger and self._large(spec))
        records = 0
        for done, batch in enumerate(waiting, start=1):
            records += self._send(batch).rows
            if self.progress is not None:
                self.progress(files_done=done, files_total=len(waiting), records=records)
        changed = [table(name) for name, sent in self.sent.items() if sent.rows >= _LARGE_ROWS]
        self.target.settle(changed)

    def verify(self, *, deep: bool) -> list[TargetDifference]:
        """Compare the target with the lake; a batch of a newer snapshot is compared with the ledger."""
        self.target_digests, ledger = self.target.digests(TABLES.values(), every=deep)
        side = LakeSide(self.side.layout, self.side.snapshot, cached=False) if deep else self.side
        findings = []
        for batch in self._batches(ledger, self.target_digests):
            expected = self._expected(side, batch, ledger)
            actual = self.target_digests[batch.spec.name].get(batch.name, Digest())
            if expected != actual:
                what = digest_difference(expected, actual)
                findings.append(TargetDifference(batch.spec.name, batch.name, what))
            elif deep:
                findings.extend(self._verify_values(batch, expected))
        self.target.confirm(TABLES.keys() - {f.table for f in findings})
        return findings + [TargetDifference(name, OBJECTS, what) for name, what in self.target.objects()]

    def repair_findings(self, findings: list[TargetDifference], *, deep: bool) -> None:
        """Update the batches with findings, by a comparison with the rows of the target.

        Objects come first: a table that was without its triggers is compared by its values.
        """
        if any(finding.batch == OBJECTS for finding in findings):
            self.target.repair_objects()
            self.send()
        for finding in findings:
            if finding.batch == OBJECTS:
                continue
            batch = Batch(table(finding.table), finding.batch)
            with self.target.batch(batch) as tx:
                self._count(batch, send_batch(self.side, batch, tx, repair=True, from_values=deep))

    def report(
        self,
        findings: list[TargetDifference],
        repaired: list[TargetDifference],
        *,
        deep: bool,
        seconds: float,
    ) -> SyncReport:
        """Return the report of this sync."""
        tables = tuple(self._table_report(spec) for spec in TABLES.values())
        return SyncReport(
            target=self.target.name,
            snapshot=self.side.snapshot.id,
            seconds=seconds,
            deep=deep,
            ahead=self.ahead,
            tables=tables,
            findings=tuple(findings),
            repaired=tuple(repaired),
            warnings=(*filter(None, map(self._left_out, TABLES.values())), *self.target.warnings()),
        )

    def _left_out(self, spec: TableSpec) -> str:
        """Return the warning about rows of symbols that are too long; an empty text if there are none."""
        rows, symbols = self.side.left_out(spec)
        if not rows:
            return ""
        shown = ", ".join(f"{s[:_SHOWN_LETTERS]}… ({len(s):,} characters)" for s in symbols[:_SHOWN_SYMBOLS])
        more = f" and {len(symbols) - _SHOWN_SYMBOLS} more" if len(symbols) > _SHOWN_SYMBOLS else ""
        return (
            f"{counted(rows, 'row')} of {spec.name} were not sent: a symbol has at most {MAX_SYMBOL_LENGTH} "
            f"characters, got {shown}{more}. An early version stored them. All other rows were sent; to have "
            "these on the server, load them again under the symbol of the exchange."
        )

    def _check_not_newer(self, ledger: Ledger) -> None:
        newest = max((r.snapshot for batches in ledger.values() for r in batches.values()), default=0)
        # Read again: another process may have written to the lake and synced it since this sync started.
        if newest > snapshots.latest(self.side.layout).id and not self.repair:
            raise InvalidInput(
                f"{self.target.name} is at snapshot {newest} of this lake, which itself is at "
                f"{self.side.snapshot.id}: it was restored from a backup, or is an old copy. To bring the "
                "target back to this lake, sync with repair.",
                target=self.target.name,
            )

    def _outdated(self, ledger: Ledger) -> Iterator[Batch]:
        for batch in self._batches(ledger, {}):
            recorded = ledger.get(batch.spec.name, {}).get(batch.name)
            if recorded is None or not self._is_current(recorded, batch):
                yield batch
        for spec in TABLES.values():
            self.side.save(spec)

    def _large(self, spec: TableSpec) -> bool:
        return sum(f.rows for files in self.side.batches(spec).values() for f in files) >= _LARGE_ROWS

    def _send(self, batch: Batch) -> SentRows:
        with self.target.batch(batch) as tx:
            if tx.recorded is not None and self._is_current(tx.recorded, batch):
                return SentRows()
            sent = send_batch(self.side, batch, tx)
        self.side.save(batch.spec)
        self._count(batch, sent)
        return sent

    def _is_current(self, recorded: Recorded, batch: Batch) -> bool:
        """Return whether a batch equals the lake, or another sync updated it to a newer snapshot.

        Raises :class:`InvalidInput` for a snapshot of another copy of the lake, unless the sync repairs.
        """
        if self._is_foreign(recorded):
            if self.repair:
                return False
            raise InvalidInput(
                f"{self.target.name} received snapshot {recorded.snapshot} of another copy of this lake. "
                "Sync that copy, or sync this one to another database or schema. To make the target equal to "
                "this copy and remove the other's rows, sync with repair.",
                target=self.target.name,
                snapshot=recorded.snapshot,
            )
        if recorded.snapshot > self.side.snapshot.id:
            self.ahead = not self.repair
            return self.ahead
        # Sending the rows of new files computes their digests too, so these files are read only once.
        if recorded.snapshot < self.side.snapshot.id and not self.side.is_cached(batch):
            return False
        return recorded.digest == self._lake_digest(self.side, batch)

    def _is_foreign(self, recorded: Recorded) -> bool:
        """Return whether a batch was synced from a copy that made its own snapshot of that number."""
        if not recorded.snapshot_digest or recorded.snapshot > self.side.snapshot.id:
            return False
        if recorded.snapshot not in self._own_digests:
            own = snapshots.read(self.side.layout, recorded.snapshot)
            self._own_digests[recorded.snapshot] = own.digest
        return self._own_digests[recorded.snapshot] != recorded.snapshot_digest

    def _count(self, batch: Batch, sent: SentRows) -> None:
        self.sent[batch.spec.name] = self.sent.get(batch.spec.name, SentRows()) + sent

    def _expected(self, side: LakeSide, batch: Batch, ledger: Ledger) -> Digest:
        recorded = ledger.get(batch.spec.name, {}).get(batch.name)
        if recorded is not None and recorded.snapshot > self.side.snapshot.id:
            return recorded.digest
        return self._lake_digest(side, batch)

    def _verify_values(self, batch: Batch, expected: Digest) -> list[TargetDifference]:
        """Compare the digest of the values of a batch whose stored digest is as expected."""
        actual, changed = Digest(), 0
        for rows in self.target.values(batch):
            rehashed = hashed(rows.drop(ROW_HASH), batch.spec)
            changed += int((rehashed[ROW_HASH] != rows[ROW_HASH]).sum())
            actual += digest_of(rehashed, batch.spec)
        if actual == expected and not changed:
            return []
        what = f"values of {counted(changed, 'row')} differ from the lake's"
        return [TargetDifference(batch.spec.name, batch.name, what)]

    def _batches(self, ledger: Ledger, digests: Digests) -> Iterator[Batch]:
        """Yield every batch that the lake, the ledger or the target has."""
        for spec in TABLES.values():
            names = {*self.side.batches(spec), *ledger.get(spec.name, {}), *digests.get(spec.name, {})}
            yield from (Batch(spec, name) for name in sorted(names))

    def _lake_digest(self, side: LakeSide, batch: Batch) -> Digest:
        return side.digest(batch.spec, side.batches(batch.spec).get(batch.name, []))

    def _table_report(self, spec: TableSpec) -> TableReport:
        digests = self.target_digests.get(spec.name, {}).values()
        total = sum(digests, Digest())
        sent = self.sent.get(spec.name, SentRows())
        batches = sum(d.rows > 0 for d in digests)
        return TableReport(spec.name, total.rows, time_text(total.latest), batches, sent.rows, sent.removed)
