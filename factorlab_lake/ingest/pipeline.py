"""A batch of answers into a lake: normalised, merged, logged, in one snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl

from factorlab_lake.ingest.merge import merge_rows
from factorlab_lake.ingest.normalize import normalize
from factorlab_lake.ingest.record_frames import group_by_shape, to_frame
from factorlab_lake.providers.result import FetchResult
from factorlab_lake.schema import DATASETS, table
from factorlab_lake.storage.delta import polars_schema
from factorlab_lake.storage.transaction import Transaction

__all__ = ["MergeCounts", "log", "merge_batch"]


@dataclass(slots=True)
class MergeCounts:
    """What became of a batch. ``failed`` lists unreadable answers; the others count."""

    answers: int = 0
    records: int = 0
    rejected: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


def merge_batch(tx: Transaction, batch: Iterable[FetchResult]) -> MergeCounts:
    """Land every answer that has not landed before; the transaction decides when readers see it."""
    logged, now = tx.read("data_fetch_log"), datetime.now(UTC)
    known = set(logged["fetch_id"])
    answers = list({f.fetch_id: f for f in batch if f.fetch_id not in known}.values())
    if not answers:
        return MergeCounts()
    covered, rejects = [], [_broken(f) for f in answers if f.broken]
    for dataset in DATASETS:
        results = [
            normalize(to_frame(g), dataset, g[0].fields)
            for g in group_by_shape([f for f in answers if f.dataset == dataset])
        ]
        if not results:
            continue
        rows = pl.concat(r.rows for r in results)
        rejects += [r.rejects for r in results]
        results.clear()
        merge_rows(tx, DATASETS[dataset], rows, now, logged)
        covered.append(_covered(rows, DATASETS[dataset]))
    rejected = pl.concat(rejects) if rejects else pl.DataFrame(schema=_REJECTS)
    tx.append("rejected_records", rejected.with_columns(recorded_at=pl.lit(now)))
    tx.append("data_fetch_log", _log(answers, rejected, covered, now))
    return MergeCounts(
        answers=len(answers),
        records=sum(f.count for f in answers),
        rejected=rejected.height,
        failed=[(f.endpoint, f.error) for f in answers if f.error],
    )


_REJECTS = pl.Schema(
    {n: t for n, t in polars_schema(table("rejected_records")).items() if n != "recorded_at"}
)


def _broken(fetched: FetchResult) -> pl.DataFrame:
    rows = [
        (fetched.fetch_id, position, fetched.symbol, DATASETS[fetched.dataset], reason, text)
        for position, reason, text in fetched.broken
    ]
    return pl.DataFrame(rows, schema=_REJECTS, orient="row")


_COVERED = {"fetch_id": pl.String, "keys_landed": pl.Int32, "covered_from": pl.Date, "covered_to": pl.Date}


def log(tx: Transaction, answers: list[FetchResult], rows: pl.DataFrame, name: str, now: datetime) -> None:
    """Write the log's lines for answers whose rows have landed in one table, none rejected."""
    tx.append("data_fetch_log", _log(answers, pl.DataFrame(schema=_REJECTS), [_covered(rows, name)], now))


def _covered(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return what each fetch brought: how many different keys, and from when to when."""
    spec = table(name)
    day = pl.col(spec.time_column) if spec.time_column else pl.lit(None, pl.Date)
    keys = [k for k in spec.key if k != "version"]
    return (
        rows.group_by("fetch_id")
        .agg(keys_landed=pl.struct(keys).n_unique(), covered_from=day.min(), covered_to=day.max())
        .cast(_COVERED)  # type: ignore[arg-type]  # polars takes no dict of type classes by its stubs
    )


def _log(
    answers: list[FetchResult], rejected: pl.DataFrame, covered: list[pl.DataFrame], now: datetime
) -> pl.DataFrame:
    rows = pl.DataFrame(
        {
            "fetch_id": [f.fetch_id for f in answers],
            "symbol": [f.symbol for f in answers],
            "data_type": [DATASETS.get(f.dataset, f.dataset) for f in answers],
            "period": [f.period for f in answers],
            "fetch_date": [f.fetched_at for f in answers],
            "records_fetched": [f.count for f in answers],
            "api_calls_made": [f.api_calls for f in answers],
            "success": [f.error is None for f in answers],
            "error_message": [f.error or f.short for f in answers],
            "provider": [f.provider for f in answers],
            "endpoint": [f.endpoint for f in answers],
            "parameters": [f.parameters for f in answers],
            "http_status": [f.http_status for f in answers],
            "payload_sha256": [f.payload_sha256 for f in answers],
            "duration_ms": [f.duration_ms for f in answers],
        },
        schema_overrides={
            "period": pl.String,
            "error_message": pl.String,
            "http_status": pl.Int32,
            "payload_sha256": pl.String,
        },
    )
    spans = pl.concat(covered) if covered else pl.DataFrame(schema=_COVERED)
    counts = rejected.group_by("fetch_id").agg(records_rejected=pl.len())
    return (
        rows.join(counts, on="fetch_id", how="left")
        .join(spans, on="fetch_id", how="left")
        .with_columns(pl.col("records_rejected").fill_null(0), recorded_at=pl.lit(now))
    )
