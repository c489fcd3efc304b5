"""The rewriting of partitions that are spread over more files than their size needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from factorlab_lake.schema import TABLES
from factorlab_lake.storage import files
from factorlab_lake.storage.data_file import DataFile
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot, after_commit
from factorlab_lake.storage.transaction import Transaction, transaction

__all__ = ["CompactionReport", "compact"]

_FILE_BYTES = 64 * 1024 * 1024  # a partition may have a file for each of these; the writer makes larger ones


@dataclass(slots=True)
class CompactionReport:
    """What was rewritten: ``partitions`` are (table, year or None, files before)."""

    snapshot_before: int
    snapshot_after: int
    partitions: list[tuple[str, int | None, int]] = field(default_factory=list)
    files_before: int = 0
    files_after: int = 0


def compact(layout: Layout, *, program_version: str) -> CompactionReport:
    """Rewrite fragmented partitions, sorted, with the same rows; when there are none, take no snapshot.

    One partition at a time is in memory. Readers go on with the files they have, which stay until a vacuum.
    """
    with transaction(layout, reason="compact", program_version=program_version) as tx:
        report = CompactionReport(tx.base.id, tx.base.id, files_before=_count(layout, tx.base))
        for name, partition, count in _fragmented(layout, tx.base):
            _rewrite(tx, name, partition)
            report.partitions.append((name, partition, count))
    report.snapshot_after = tx.result.id
    with after_commit("its files could not be counted", "`factorlab-lake verify` names what is damaged."):
        report.files_after = sum(len(tx.files(name)) for name in TABLES)
    return report


def _fragmented(layout: Layout, snapshot: Snapshot) -> Iterator[tuple[str, int | None, int]]:
    for name, spec in TABLES.items():
        grouped: dict[int | None, list[DataFile]] = {}
        for file in files.files_of(layout, snapshot, name):
            grouped.setdefault(file.partition, []).append(file)
        for partition, found in sorted(grouped.items(), key=lambda group: (group[0] is None, group[0])):
            known = partition is not None or not spec.partition_by  # rows without a year are left as they are
            if known and len(found) > 1 + sum(f.size_bytes for f in found) // _FILE_BYTES:
                yield name, partition, len(found)


def _rewrite(tx: Transaction, name: str, partition: int | None) -> None:
    chosen = None if partition is None else [partition]
    rows = tx.read(name, partitions=chosen)
    if chosen is not None:  # reading a partition also gives the rows that have none
        rows = rows.filter(rows[TABLES[name].partition_by] == partition)
    tx.replace(name, rows, chosen or [])


def _count(layout: Layout, snapshot: Snapshot) -> int:
    return sum(len(files.files_of(layout, snapshot, name)) for name in TABLES)
