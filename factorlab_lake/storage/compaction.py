"""Compact tables: rewrite partitions that have too many files, or files in an older form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from factorlab_lake.errors import counted
from factorlab_lake.run_report import RunReport
from factorlab_lake.schema import STORED_TABLES
from factorlab_lake.storage import data_files
from factorlab_lake.storage.commits import transaction
from factorlab_lake.storage.data_files import DataFile
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot, after_commit, history
from factorlab_lake.storage.transaction import Transaction

__all__ = ["CompactionReport", "compact"]

_FILE_BYTES = (
    64 * 1024 * 1024
)  # a partition may have one file per 64 MB; the writer's own files may be larger
_PLAIN_TEXT_SINCE = (0, 2)  # the first program version whose text columns are plain utf8


@dataclass(slots=True, repr=False)
class CompactionReport(RunReport):
    """Report a compaction; ``partitions`` are the rewritten ones as (table, year or None, files before)."""

    snapshot_before: int
    snapshot_after: int
    partitions: list[tuple[str, int | None, int]] = field(default_factory=list)
    files_before: int = 0
    files_after: int = 0

    def lines(self) -> list[str]:
        """Return what was rewritten, in one line."""
        rewritten = counted(len(self.partitions), "partition")
        files = f"{self.files_before} → {counted(self.files_after, 'file')}"
        return [f"{rewritten} rewritten: {files}" if self.partitions else "nothing to compact"]


def compact(layout: Layout, *, program_version: str) -> CompactionReport:
    """Rewrite fragmented partitions, sorted, with the same rows; without any, commit no snapshot.

    A partition with a file of a program before 0.2 is rewritten too: its text columns have the Arrow type
    ``string_view``, which daft and Sail refuse. Only one partition at a time is in memory. Readers
    continue with the old files, which vacuum deletes later.
    """
    with transaction(layout, reason="compact", program_version=program_version) as tx:
        report = CompactionReport(tx.base.id, tx.base.id, files_before=_count(layout, tx.base))
        for name, partition, count in _fragmented(layout, tx.base):
            _rewrite(tx, name, partition)
            report.partitions.append((name, partition, count))
    report.snapshot_after = tx.result.id
    with after_commit("its files could not be counted", "`factorlab-lake verify` names what is damaged."):
        report.files_after = sum(len(tx.files(name)) for name in STORED_TABLES)
    return report


def _fragmented(layout: Layout, snapshot: Snapshot) -> Iterator[tuple[str, int | None, int]]:
    """Yield the partitions to rewrite: the table, the year, and the number of files."""
    old_snapshots = _with_string_views(layout)
    for name, spec in STORED_TABLES.items():
        versions = {old.tables[name]: old for old in old_snapshots if name in old.tables}
        old_paths = {f.path for old in versions.values() for f in data_files.files_of(layout, old, name)}
        partitions: dict[int | None, list[DataFile]] = {}
        for file in data_files.files_of(layout, snapshot, name):
            partitions.setdefault(file.partition, []).append(file)
        for partition, members in sorted(partitions.items(), key=lambda group: (group[0] is None, group[0])):
            if partition is None and spec.partition_by:
                continue  # rows without a year stay where they are: replacing them would replace the table
            fragmented = len(members) > 1 + sum(file.size_bytes for file in members) // _FILE_BYTES
            if fragmented or any(file.path in old_paths for file in members):
                yield name, partition, len(members)


def _with_string_views(layout: Layout) -> list[Snapshot]:
    """Return the snapshots of programs that wrote string views.

    All of them count: after a rollback, a file can be in an early snapshot and in the current one, but not in
    the last old one.
    """
    return [old for old in history(layout) if _numbers(old.program_version) < _PLAIN_TEXT_SINCE]


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a program version; an unknown version counts as the oldest."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _rewrite(tx: Transaction, name: str, partition: int | None) -> None:
    years = [] if partition is None else [partition]
    rows = tx.read(name, partitions=years or None)
    if years:  # read also returns the rows without a partition value
        rows = rows.filter(rows[STORED_TABLES[name].partition_by] == partition)
    tx.replace(name, rows, years)


def _count(layout: Layout, snapshot: Snapshot) -> int:
    return sum(len(data_files.files_of(layout, snapshot, name)) for name in STORED_TABLES)
