"""Migrate the old cache into a lake; a run resumes, since the log lists each migrated file by its hash."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from factorlab_lake.derive.stored import transaction
from factorlab_lake.errors import counted
from factorlab_lake.ingest.batches import BATCH_RECORDS, batches, merge_batch, rejects_of
from factorlab_lake.ingest.legacy_cache.read_ahead import ReadAhead
from factorlab_lake.ingest.legacy_cache.reader import CacheFile, read, scan
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.providers.records import Shapes
from factorlab_lake.run_report import RunReport, reading, row_counts, shortened
from factorlab_lake.storage import data_files, snapshots
from factorlab_lake.storage.file_rows import read_files
from factorlab_lake.storage.layout import Layout

__all__ = ["MigrationProgress", "MigrationReport", "Run", "migrate", "plan"]


class MigrationProgress(Protocol):
    """Define the callback that reports progress."""

    def __call__(self, *, files_done: int, files_total: int, records: int, step: str = ...) -> None:
        """Report the files and records read so far.

        Only a migration reports its ``step``: reading, or merging and then committing for each batch.
        """


@dataclass(slots=True, repr=False)
class MigrationReport(RunReport):
    """Report a migration or its plan. Counts are of records unless named otherwise.

    ``equal`` counts the records whose content the lake already had. ``faults`` lists unreadable files as
    (file, reason), ``rejects`` rejected records as (file, position, reason), and ``skipped`` the
    leftovers and metadata of the old cache.
    """

    files: int = 0
    files_migrated_before: int = 0
    records: int = 0
    new: dict[str, int] = field(default_factory=dict)
    rejected: int = 0
    equal: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    rejects: list[tuple[str, int, str]] = field(default_factory=list)
    snapshot_before: int = 0
    snapshot_after: int = 0
    seconds: float = 0.0
    dry_run: bool = False

    @property
    def clean(self) -> bool:
        """Return whether every file was readable and no record was rejected."""
        return not self.faults and not self.rejects

    def lines(self) -> list[str]:
        """Return the counts, then the files and records that could not be used."""
        return list(self._lines())

    def _lines(self) -> Iterator[str]:
        """Yield the lines one after another; a plan says what would be rejected."""
        before = self.files_migrated_before
        known = f"; {before:,} of the files were already migrated" if before else ""
        yield f"read      {reading(self.files, self.records, self.seconds)}{known}"
        if self.dry_run:
            yield f"rejects   {counted(self.rejected, 'record')} would be rejected"
            yield "written   nothing: this was a dry run"
        else:
            yield f"new       {row_counts(self.new)}"
            yield f"equal     {counted(self.equal, 'record')} already in the lake"
            yield f"rejected  {counted(self.rejected, 'record')}"
            yield f"snapshot  {self.snapshot_before} → {self.snapshot_after}"
        yield from shortened(f"skipped   {file}: {why}" for file, why in self.skipped)
        yield from shortened(f"fault     {file}: {why}" for file, why in self.faults)
        yield from shortened(f"reject    {file}, record {at}: {why}" for file, at, why in self.rejects)


@dataclass(slots=True)
class Run:
    """Hold the state of one pass over a cache."""

    layout: Layout
    cache: list[CacheFile]
    known: set[str]
    progress: Callable[..., None] | None
    done: int = 0
    total: int = 0
    records: int = 0
    all_read: bool = False
    seen: dict[str, str] = field(default_factory=dict)
    shapes: Shapes = field(default_factory=dict)

    def answers(self) -> Iterator[FetchResult]:
        """Yield the results of the entries that are not in the log, and read some files ahead."""
        entries = [f for f in self.cache if not f.skip]

        def read_one(file: CacheFile, admit: Callable[[int], None]) -> FetchResult:
            return read(file, self.known, self.shapes, admit=admit)

        for file, answer in ReadAhead(entries, read_one):
            yield from self._note(file, answer, len(entries))
        self.all_read = True

    def _note(self, file: CacheFile, answer: FetchResult, total: int) -> Iterator[FetchResult]:
        self.seen[answer.fetch_id] = file.shown
        self.done += 1
        if answer.fetch_id not in self.known:
            self.records += answer.count
            yield answer
        self.total = total
        self.show("reading")

    def show(self, step: str) -> None:
        """Report the files and records so far, and the present step."""
        if self.progress:
            self.progress(files_done=self.done, files_total=self.total, records=self.records, step=step)


def plan(
    layout: Layout, cache_dir: str | os.PathLike[str], *, symbols: list[str] | None = None
) -> MigrationReport:
    """Read the whole cache without writing, and report what a migration would read and reject.

    ``new`` and ``equal`` stay empty, because only a merge determines them. It also rejects copies with an
    unreadable value that lose to a better copy; these are not in the plan.
    """
    run, report = _start(layout, cache_dir, symbols, None)
    for batch in batches(run.answers(), BATCH_RECORDS):
        answers = list({a.fetch_id: a for a in batch}.values())
        report.faults += [(run.seen[a.fetch_id], a.error) for a in answers if a.error]
        report.rejects += [(run.seen[i], position, why) for i, position, why in rejects_of(answers)]
    report.faults.sort()
    report.rejects.sort()
    report.rejected = len(report.rejects)
    report.dry_run = True
    _count_files(run, report)
    return report


def migrate(
    layout: Layout,
    cache_dir: str | os.PathLike[str],
    *,
    program_version: str,
    symbols: list[str] | None = None,
    by_symbol: bool = False,
    progress: MigrationProgress | None = None,
) -> MigrationReport:
    """Merge every readable record of the cache; skip files that were migrated before.

    Commit in batches of whole symbols, or one symbol each with ``by_symbol``. An interrupted run loses at
    most its last batch, and the next run resumes there. The cache itself is never changed.
    """
    started, operation = time.perf_counter(), uuid.uuid4().hex
    run, report = _start(layout, cache_dir, symbols, progress)
    before = data_files.row_counts(layout, snapshots.latest(layout))
    for batch in batches(run.answers(), 1 if by_symbol else BATCH_RECORDS):
        with transaction(
            layout,
            reason=f"migrate {_where(batch)}",
            program_version=program_version,
            operation=operation,
            # With one symbol per commit, the last commit computes the derived rows of all.
            later=by_symbol and not run.all_read,
        ) as tx:
            run.show("merging")
            merge_batch(tx, batch)
            run.show("committing")
        report.snapshot_after = tx.result.id
    _count_files(run, report)
    with snapshots.after_commit("its report is incomplete", "`factorlab-lake verify` names the fault."):
        report.new = data_files.added_rows(before, data_files.row_counts(layout, snapshots.latest(layout)))
        _add_faults(layout, run, report)
    report.seconds = time.perf_counter() - started
    return report


def _start(
    layout: Layout,
    cache_dir: str | os.PathLike[str],
    symbols: list[str] | None,
    progress: MigrationProgress | None,
) -> tuple[Run, MigrationReport]:
    cache = scan(cache_dir, symbols)
    snapshot = snapshots.latest(layout)
    log = read_files(layout, "data_fetch_log", data_files.files_of(layout, snapshot, "data_fetch_log"))
    report = MigrationReport(
        skipped=[(f.shown, f.skip) for f in cache if f.skip],
        snapshot_before=snapshot.id,
        snapshot_after=snapshot.id,
    )
    return Run(layout, cache, set(log["fetch_id"]), progress), report


def _where(batch: list[FetchResult]) -> str:
    first, last = batch[0].symbol, batch[-1].symbol
    return first if first == last else f"{first} to {last}"


def _count_files(run: Run, report: MigrationReport) -> None:
    report.files = len(run.cache)
    report.files_migrated_before = sum(1 for i in run.seen if i in run.known)
    report.records = run.records


def _add_faults(layout: Layout, run: Run, report: MigrationReport) -> None:
    """Read the faults of this cache from the fetch log, so that a second run lists them again."""
    snapshot = snapshots.latest(layout)

    def rows_of_run(name: str) -> pl.DataFrame:
        rows = read_files(layout, name, data_files.files_of(layout, snapshot, name))
        return rows.filter(pl.col("fetch_id").is_in(list(run.seen)))

    failed = rows_of_run("data_fetch_log").filter(~pl.col("success"))
    report.faults = sorted((run.seen[i], e) for i, e in failed.select("fetch_id", "error_message").rows())
    rejected = rows_of_run("rejected_records").select("fetch_id", "position", "reason")
    report.rejects = sorted((run.seen[i], p, r) for i, p, r in rejected.rows())
    fresh = rejected.filter(~pl.col("fetch_id").is_in(list(run.known)))
    report.rejected = fresh.height
    splits = rows_of_run("splits").filter(pl.col("source") == "inferred")  # no record of the cache
    inferred = splits.filter(~pl.col("fetch_id").is_in(list(run.known))).height
    report.equal = report.records - report.rejected - (sum(report.new.values()) - inferred)
