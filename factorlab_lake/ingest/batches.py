"""Group the results of a provider into batches, and merge a batch into a lake in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl

from factorlab_lake.ingest.fetch_log import coverage_of, log_lines
from factorlab_lake.ingest.merge import merge_events, merge_rows, observe_unmoved
from factorlab_lake.ingest.normalize import REJECTS, Normalized, normalize
from factorlab_lake.ingest.record_frames import group_by_shape, to_frame
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.schema import DATASETS, TableSpec, table
from factorlab_lake.schema.limits import MAX_AHEAD_BYTES
from factorlab_lake.storage.delta import polars_schema
from factorlab_lake.storage.transaction import Transaction

__all__ = ["BATCH_RECORDS", "MergeCounts", "batches", "merge_batch", "rejects_of"]

# Enough records to write few files, and few enough for the memory of a laptop.
BATCH_RECORDS = 160_000
_LISTED = tuple(name for name in DATASETS.values() if table(name).has_events)


def batches(
    answers: Iterator[FetchResult], at_least: int, *, answers_at_most: int | None = None
) -> Iterator[list[FetchResult]]:
    """Group answers into batches of whole symbols.

    A batch is complete when it has ``at_least`` records or ``answers_at_most`` answers. One of more than
    MAX_AHEAD_BYTES ends within its symbol.
    """
    batch: list[FetchResult] = []
    records = size_bytes = 0
    for answer in answers:
        full = records >= at_least or (answers_at_most is not None and len(batch) >= answers_at_most)
        if batch and (size_bytes > MAX_AHEAD_BYTES or (full and answer.symbol != batch[-1].symbol)):
            yield batch
            batch, records, size_bytes = [], 0, 0
        batch.append(answer)
        records += answer.count
        size_bytes += 0 if answer.records is None else int(answer.records.estimated_size())
    if batch:
        yield batch


@dataclass(slots=True)
class MergeCounts:
    """Count what a merged batch contained; ``failed`` lists the unreadable answers as (endpoint, error)."""

    answers: int = 0
    records: int = 0
    rejected: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


def merge_batch(tx: Transaction, batch: Iterable[FetchResult]) -> MergeCounts:
    """Merge every answer that the fetch log does not list yet, and log it.

    Readers see the rows when the transaction commits.
    """
    logged, now = tx.read("data_fetch_log"), datetime.now(UTC)
    known = set(logged["fetch_id"])
    answers = list({f.fetch_id: f for f in batch if f.fetch_id not in known}.values())
    if not answers:
        return MergeCounts()
    covered, rejects = [], [_broken(f) for f in answers if f.broken]
    events = {n: pl.DataFrame(schema=polars_schema(table(n))) for n in _LISTED}  # a list may have no event
    for dataset, results in _normalized(answers):
        rows = pl.concat(r.rows for r in results)
        rejects += [r.rejects for r in results]
        unread = pl.concat(r.unread for r in results)
        results.clear()
        covered.append(coverage_of(rows, DATASETS[dataset], unread["fetch_id"]))
        if table(DATASETS[dataset]).has_events:
            events[DATASETS[dataset]] = rows
        else:
            merge_rows(tx, DATASETS[dataset], rows, now, logged)
            rejects.append(_superseded(tx, table(DATASETS[dataset]), unread))
    rejected = pl.concat(rejects) if rejects else pl.DataFrame(schema=REJECTS)
    lines = log_lines(answers, rejected, covered, now)
    for name, rows in events.items():
        merge_events(tx, table(name), rows, now, logged, lines)
    moved = {f.symbol for f in answers if DATASETS[f.dataset] in ("price_data", "splits")}
    if moved:
        symbols = pl.Series(sorted(moved), dtype=pl.String)
        observe_unmoved(tx, symbols, pl.concat([logged, lines], how="diagonal_relaxed"))
    tx.append("rejected_records", rejected.with_columns(recorded_at=pl.lit(now)))
    tx.append("data_fetch_log", lines)
    return MergeCounts(
        answers=len(answers),
        records=sum(f.count for f in answers),
        rejected=rejected.height,
        failed=[(f.endpoint, f.error) for f in answers if f.error],
    )


def rejects_of(answers: list[FetchResult]) -> list[tuple[str, int, str]]:
    """Return the records that a merge would reject, as (fetch id, position, reason); write nothing.

    Unreadable copies that lose to a copy of another answer are not among them: only the merge finds these.
    """
    rejects = [_broken(f) for f in answers if f.broken]
    rejects += [r.rejects for _, results in _normalized(answers) for r in results]
    return [row for frame in rejects for row in frame.select("fetch_id", "position", "reason").rows()]


def _normalized(answers: list[FetchResult]) -> Iterator[tuple[str, list[Normalized]]]:
    """Yield the typed rows and the rejects of each dataset that the answers contain."""
    for dataset in DATASETS:
        results = [
            normalize(to_frame(g), dataset, g[0].fields)
            for g in group_by_shape([f for f in answers if f.dataset == dataset])
        ]
        if results:
            yield dataset, results


def _superseded(tx: Transaction, spec: TableSpec, unread: pl.DataFrame) -> pl.DataFrame:
    """Return the records with an unreadable value of which the merge stored another copy.

    A stored row has the text of such a value in its ``extra``, so without the row the text is nowhere else.
    """
    if unread.is_empty() or spec.name == "vendor_market_caps":
        return unread.select(REJECTS.names()).clear()
    overflow = "metrics" if "metrics" in spec.names() else "extra"
    names = [*spec.told_key, overflow]
    tables = [spec.name, *(["price_revisions"] if spec.name == "price_data" else [])]
    stored = pl.concat(tx.read(name, symbols=unread["_row_symbol"], columns=names) for name in tables)
    by = [f"_row_{name}" for name in spec.told_key]
    kept = stored.select(**dict(zip(by, spec.told_key, strict=True)), _row_text=overflow)
    return unread.join(kept, on=[*by, "_row_text"], how="anti").select(REJECTS.names())


def _broken(fetched: FetchResult) -> pl.DataFrame:
    rows = [
        (fetched.fetch_id, position, fetched.symbol, DATASETS[fetched.dataset], reason, text)
        for position, reason, text in fetched.broken
    ]
    return pl.DataFrame(rows, schema=REJECTS, orient="row")
