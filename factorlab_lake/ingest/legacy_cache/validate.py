"""Prove that a migration lost nothing: compare each record of the old cache with the lake by value.

The comparison starts from the raw records and the provider's field names. It does not use the code that
parsed the rows, so that a bug there shows here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from factorlab_lake.errors import counted
from factorlab_lake.ingest.batches import BATCH_RECORDS, batches
from factorlab_lake.ingest.legacy_cache.migrate import MigrationProgress, Run
from factorlab_lake.ingest.legacy_cache.reader import scan
from factorlab_lake.ingest.legacy_cache.record_diff import RecordDifference, diff_records
from factorlab_lake.ingest.record_frames import group_by_shape, to_frame
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.run_report import RunReport, reading, shortened
from factorlab_lake.schema import DATASETS
from factorlab_lake.storage.data_files import files_of
from factorlab_lake.storage.file_rows import read_files
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["ValidationReport", "validate"]

_MOST_FINDINGS = 1000


@dataclass(slots=True, repr=False)
class ValidationReport(RunReport):
    """Report how the records of a cache compare with the lake. Counts are of records.

    ``rejected`` counts the records that are in ``rejected_records``, whose reason is the finding's text.
    ``findings`` lists the first differing, missing and rejected records, ``faults`` the unreadable files.
    """

    files: int = 0
    records: int = 0
    equal: int = 0
    differs: int = 0
    missing: int = 0
    rejected: int = 0
    findings: list[RecordDifference] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Return whether every file was readable and every record is in its table."""
        return not (self.differs or self.missing or self.rejected or self.faults)

    def lines(self) -> list[str]:
        """Return how the records of a cache compare with the lake."""
        return list(self._lines())

    def _lines(self) -> Iterator[str]:
        """Yield the counts, then the files and records that differ."""
        yield f"compared  {reading(self.files, self.records, self.seconds)}"
        yield f"equal     {counted(self.equal, 'record')}"
        yield f"differing {counted(self.differs, 'record')}"
        yield f"missing   {counted(self.missing, 'record')}"
        yield f"rejected  {counted(self.rejected, 'record')}"
        yield from shortened(f"skipped   {file}: {why}" for file, why in self.skipped)
        yield from shortened(f"fault     {file}: {why}" for file, why in self.faults)
        yield from shortened(
            f"{f.kind:<9} {f.file}, record {f.position}: {f.difference}" for f in self.findings
        )


def validate(
    layout: Layout,
    snapshot: Snapshot,
    cache_dir: str | os.PathLike[str],
    *,
    symbols: list[str] | None = None,
    progress: MigrationProgress | None = None,
) -> ValidationReport:
    """Compare every record of every readable file with the lake at a snapshot."""
    started = time.perf_counter()
    cache = scan(cache_dir, symbols)
    run = Run(layout, cache, set(), progress)
    rejects = _rejected_records(layout, snapshot)
    report = ValidationReport(files=len(cache), skipped=[(f.shown, f.skip) for f in cache if f.skip])
    for batch in batches(run.answers(), BATCH_RECORDS):
        report.faults.extend((run.seen[a.fetch_id], a.error) for a in batch if a.error)
        for dataset in DATASETS:
            for answers in group_by_shape([a for a in batch if a.dataset == dataset]):
                raw = to_frame(answers)
                verdicts = diff_records(raw, _stored_rows(layout, snapshot, dataset, raw), dataset)
                _count(verdicts, rejects, report, run.seen)
        _count(_broken_records(batch), rejects, report, run.seen)
    report.seconds = time.perf_counter() - started
    return report


def _rejected_records(layout: Layout, snapshot: Snapshot) -> pl.DataFrame:
    rows = read_files(layout, "rejected_records", files_of(layout, snapshot, "rejected_records"))
    return rows.select(_fetch_id="fetch_id", _position=pl.col("position").cast(pl.Int64), _reason="reason")


def _broken_records(batch: list[FetchResult]) -> pl.DataFrame:
    """Return the elements that are no records, as ``diff_records`` returns records."""
    rows = [(a.fetch_id, position, "missing", why) for a in batch for position, why, _ in a.broken]
    columns = ["_fetch_id", "_position", "kind", "difference"]
    return pl.DataFrame(
        rows, schema=dict.fromkeys(columns, pl.String) | {"_position": pl.Int64}, orient="row"
    )


def _count(
    verdicts: pl.DataFrame, rejects: pl.DataFrame, report: ValidationReport, paths: dict[str, str]
) -> None:
    """Add verdicts to the report; a record that is not stored, but rejected, has the reason of that."""
    is_rejected = (pl.col("kind") != "equal") & pl.col("_reason").is_not_null()
    verdicts = (
        verdicts.with_columns(pl.col("_position").cast(pl.Int64))
        .join(rejects, on=["_fetch_id", "_position"], how="left")
        .select(
            "_fetch_id",
            "_position",
            kind=pl.when(is_rejected).then(pl.lit("rejected")).otherwise("kind"),
            difference=pl.when(is_rejected).then("_reason").otherwise("difference"),
        )
    )
    report.records += verdicts.height
    for kind in ("equal", "differs", "missing", "rejected"):
        setattr(report, kind, getattr(report, kind) + verdicts.filter(pl.col("kind") == kind).height)
    faulty = verdicts.filter(pl.col("kind") != "equal").sort("_fetch_id", "_position")
    room = _MOST_FINDINGS - len(report.findings)
    for fetch, position, kind, difference in faulty.head(max(room, 0)).rows():
        report.findings.append(RecordDifference(paths[fetch], position, kind, difference))


def _stored_rows(layout: Layout, snapshot: Snapshot, dataset: str, raw: pl.DataFrame) -> pl.DataFrame:
    """Return all rows that may come from the records, including superseded bars."""
    symbols = (
        pl.concat([raw["_symbol"], raw["symbol"].cast(pl.String)])
        if "symbol" in raw.columns
        else raw["_symbol"]
    )
    names = [DATASETS[dataset], *(["price_revisions"] if dataset == "price" else [])]
    tables = [
        read_files(layout, n, files_of(layout, snapshot, n), symbols.unique().drop_nulls()) for n in names
    ]
    return pl.concat(tables, how="diagonal")
