"""Bringing a target to a snapshot of the lake, and checking that it is there.

Each batch is a transaction of its own, so a sync that was cut off goes on where it stopped. Every sync ends
with a verification of the whole target: rows, latest times and digests of each table and year, by the
digests stored with the target's rows, against those of the lake's files. For a large table that nobody else
wrote to since it was verified, less than a day ago, a target may answer from its ledger; rows of a small
change it reads back as they are sent. A deep verification believes nothing that was stored: it reads all
values of both sides and makes the digest of every row anew.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from factorlab_lake.errors import InvalidInput
from factorlab_lake.schema import TABLES, TableSpec, table
from factorlab_lake.storage import snapshots
from factorlab_lake.storage.layout import Layout
from factorlab_lake.sync.changes import Sent, bring
from factorlab_lake.sync.digests import LakeSide, digest_of
from factorlab_lake.sync.protocol import ROW_HASH, Batch, Digest, Digests, Ledger, Recorded, Target
from factorlab_lake.sync.row_hash import hashed
from factorlab_lake.sync.sync_report import SyncReport, TableReport, TargetDifference, difference, moment

__all__ = ["SyncProgress", "sync"]

_MANY = 10_000  # rows sent from which on the server is told that a table changed


class SyncProgress(Protocol):
    """Called after each part of a table that was sent."""

    def __call__(self, *, files_done: int, files_total: int, records: int) -> None:
        """Take notice."""


def sync(
    layout: Layout,
    target: Target,
    *,
    deep: bool = False,
    repair: bool = False,
    progress: SyncProgress | None = None,
) -> SyncReport:
    """Bring a target to the newest snapshot and verify it; see :meth:`factorlab_lake.lake.Lake.sync`."""
    started = time.perf_counter()
    side = LakeSide(layout, snapshots.latest(layout))
    target.prepare(layout.lake_id, side.filled)
    run = _Run(side, target, repair, progress)
    run.send()
    findings = run.verify(deep=deep)
    repaired: list[TargetDifference] = []
    if findings and repair:
        run.mend(findings, deep=deep)
        repaired, findings = findings, run.verify(deep=deep)
    return run.report(findings, repaired, deep=deep, seconds=time.perf_counter() - started)


@dataclass(slots=True)
class _Run:
    side: LakeSide
    target: Target
    repair: bool
    progress: SyncProgress | None
    sent: dict[str, Sent] = field(default_factory=dict)
    there: Digests = field(default_factory=dict)
    ahead: bool = False

    def send(self) -> None:
        """Send every batch whose digest is not the one in the ledger."""
        ledger = self.target.ledger()
        self._check_not_newer(ledger)
        waiting = list(self._waiting(ledger))
        self.target.expect(spec for spec in TABLES.values() if spec.name not in ledger and self._large(spec))
        records = 0
        for done, batch in enumerate(waiting, start=1):
            records += self._send(batch).rows
            if self.progress is not None:
                self.progress(files_done=done, files_total=len(waiting), records=records)
        changed = [table(name) for name, sent in self.sent.items() if sent.rows >= _MANY]
        self.target.settle(changed)

    def verify(self, *, deep: bool) -> list[TargetDifference]:
        """Compare the target with the lake; what another sync brought further, with what it recorded."""
        self.there, ledger = self.target.digests(TABLES.values(), every=deep)
        side = LakeSide(self.side.layout, self.side.snapshot, remember=False) if deep else self.side
        findings = []
        for batch in self._all(ledger, self.there):
            expected = self._expected(side, batch, ledger)
            found = self.there[batch.spec.name].get(batch.name, Digest())
            if expected != found:
                findings.append(TargetDifference(batch.spec.name, batch.name, difference(expected, found)))
            elif deep:
                findings.extend(self._verify_values(batch, expected))
        self.target.confirm(TABLES.keys() - {f.table for f in findings})
        return findings

    def mend(self, findings: list[TargetDifference], *, deep: bool) -> None:
        """Bring the batches where something was found to the lake, by what the target says it has."""
        for finding in findings:
            batch = Batch(table(finding.table), finding.batch)
            with self.target.batch(batch) as tx:
                self._count(batch, bring(self.side, batch, tx, repair=True, from_values=deep))

    def report(
        self,
        findings: list[TargetDifference],
        repaired: list[TargetDifference],
        *,
        deep: bool,
        seconds: float,
    ) -> SyncReport:
        """Return what came of it."""
        tables = tuple(self._of_table(spec) for spec in TABLES.values())
        return SyncReport(
            target=self.target.name,
            snapshot=self.side.snapshot.id,
            seconds=seconds,
            deep=deep,
            ahead=self.ahead,
            tables=tables,
            findings=tuple(findings),
            repaired=tuple(repaired),
        )

    def _check_not_newer(self, ledger: Ledger) -> None:
        newest = max((r.snapshot for batches in ledger.values() for r in batches.values()), default=0)
        # Another process may have written to the lake, and synced, since this one looked.
        if newest > snapshots.latest(self.side.layout).id and not self.repair:
            raise InvalidInput(
                f"{self.target.name} is at snapshot {newest} of this lake, which itself is at "
                f"{self.side.snapshot.id}: it was restored from a backup, or is an old copy. To bring the "
                "target back to this lake, sync with repair.",
                target=self.target.name,
            )

    def _waiting(self, ledger: Ledger) -> Iterator[Batch]:
        for batch in self._all(ledger, {}):
            recorded = ledger.get(batch.spec.name, {}).get(batch.name)
            if recorded is None or not self._is_current(recorded, batch):
                yield batch
        for spec in TABLES.values():
            self.side.keep(spec)

    def _large(self, spec: TableSpec) -> bool:
        return sum(f.rows for files in self.side.batches(spec).values() for f in files) >= _MANY

    def _send(self, batch: Batch) -> Sent:
        with self.target.batch(batch) as tx:
            if tx.recorded is not None and self._is_current(tx.recorded, batch):
                return Sent()
            sent = bring(self.side, batch, tx)
        self.side.keep(batch.spec)
        self._count(batch, sent)
        return sent

    def _is_current(self, recorded: Recorded, batch: Batch) -> bool:
        """Whether a batch needs nothing: it is as in the lake, or another sync brought it further."""
        if recorded.snapshot > self.side.snapshot.id:
            self.ahead = not self.repair
            return self.ahead
        # Where files are new, sending what is new of them makes their digests too: they are read once.
        if recorded.snapshot < self.side.snapshot.id and not self.side.knows(batch):
            return False
        return recorded.digest == self._wanted(self.side, batch)

    def _count(self, batch: Batch, sent: Sent) -> None:
        self.sent[batch.spec.name] = self.sent.get(batch.spec.name, Sent()) + sent

    def _expected(self, side: LakeSide, batch: Batch, ledger: Ledger) -> Digest:
        recorded = ledger.get(batch.spec.name, {}).get(batch.name)
        if recorded is not None and recorded.snapshot > self.side.snapshot.id:
            return recorded.digest
        return self._wanted(side, batch)

    def _verify_values(self, batch: Batch, expected: Digest) -> list[TargetDifference]:
        """Compare the digests made from the values of a batch whose stored ones are as expected."""
        made, changed = Digest(), 0
        for rows in self.target.values(batch):
            anew = hashed(rows.drop(ROW_HASH), batch.spec)
            changed += int((anew[ROW_HASH] != rows[ROW_HASH]).sum())
            made += digest_of(anew, batch.spec)
        if made == expected and not changed:
            return []
        return [
            TargetDifference(
                batch.spec.name, batch.name, f"values of {changed:,} rows differ from the lake's"
            )
        ]

    def _all(self, ledger: Ledger, there: Digests) -> Iterator[Batch]:
        """Yield every batch that the lake, the ledger or the target has."""
        for spec in TABLES.values():
            names = {*self.side.batches(spec), *ledger.get(spec.name, {}), *there.get(spec.name, {})}
            yield from (Batch(spec, name) for name in sorted(names))

    def _wanted(self, side: LakeSide, batch: Batch) -> Digest:
        return side.digest(batch.spec, side.batches(batch.spec).get(batch.name, []))

    def _of_table(self, spec: TableSpec) -> TableReport:
        total = sum(self.there.get(spec.name, {}).values(), Digest())
        sent = self.sent.get(spec.name, Sent())
        batches = sum(d.rows > 0 for d in self.there.get(spec.name, {}).values())
        return TableReport(spec.name, total.rows, moment(total.latest), batches, sent.rows, sent.removed)
