"""A batch of answers into a lake: normalised, merged, logged, in one snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl

from factorlab_lake.ingest.fetched import Fetched, raw_frame
from factorlab_lake.ingest.landing import land
from factorlab_lake.ingest.normalize import DATASETS, normalize
from factorlab_lake.lake.delta import polars_schema
from factorlab_lake.lake.transaction import Transaction
from factorlab_lake.schema import table

__all__ = ["Landed", "land_batch"]


@dataclass(slots=True)
class Landed:
    """What became of a batch. ``failed`` lists unreadable answers; the others count."""

    answers: int = 0
    records: int = 0
    rejected: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


def land_batch(tx: Transaction, batch: Iterable[Fetched]) -> Landed:
    """Land every answer that has not landed before; the transaction decides when readers see it."""
    log, now = tx.read("data_fetch_log"), datetime.now(UTC)
    known = set(log["fetch_id"])
    answers = list({f.fetch_id: f for f in batch if f.fetch_id not in known}.values())
    covered, rejects = [], [_broken(f) for f in answers if f.broken]
    for dataset in DATASETS:
        mine = [
            f for f in answers if f.dataset == dataset and f.records is not None and not f.records.is_empty()
        ]
        if not mine:
            continue
        result = normalize(raw_frame(mine), dataset)
        land(tx, DATASETS[dataset], result.rows, now, log)
        rejects.append(result.rejects)
        covered.append(_covered(result.rows, DATASETS[dataset]))
    rejected = pl.concat(rejects) if rejects else pl.DataFrame(schema=_REJECTS)
    tx.append("rejected_records", rejected.with_columns(recorded_at=pl.lit(now)))
    tx.append("data_fetch_log", _log(answers, rejected, covered, now))
    return Landed(
        answers=len(answers),
        records=sum(f.count for f in answers),
        rejected=rejected.height,
        failed=[(f.endpoint, f.error) for f in answers if f.error],
    )


_REJECTS = pl.Schema(
    {n: t for n, t in polars_schema(table("rejected_records")).items() if n != "recorded_at"}
)


def _broken(fetched: Fetched) -> pl.DataFrame:
    rows = [
        (fetched.fetch_id, position, fetched.symbol, DATASETS[fetched.dataset], reason, text)
        for position, reason, text in fetched.broken
    ]
    return pl.DataFrame(rows, schema=_REJECTS, orient="row")


def _covered(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    day = table(name).time_column
    if not day:
        return rows.select(
            "fetch_id", covered_from=pl.lit(None, pl.Date), covered_to=pl.lit(None, pl.Date)
        ).unique()
    return rows.group_by("fetch_id").agg(covered_from=pl.col(day).min(), covered_to=pl.col(day).max())


def _log(
    answers: list[Fetched], rejected: pl.DataFrame, covered: list[pl.DataFrame], now: datetime
) -> pl.DataFrame:
    rows = pl.DataFrame(
        {
            "fetch_id": [f.fetch_id for f in answers],
            "symbol": [f.symbol for f in answers],
            "data_type": [DATASETS[f.dataset] for f in answers],
            "period": [f.period for f in answers],
            "fetch_date": [f.fetched_at for f in answers],
            "records_fetched": [f.count for f in answers],
            "api_calls_made": [f.api_calls for f in answers],
            "success": [f.error is None for f in answers],
            "error_message": [f.error for f in answers],
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
    spans = (
        pl.concat(covered)
        if covered
        else pl.DataFrame(schema={"fetch_id": pl.String, "covered_from": pl.Date, "covered_to": pl.Date})
    )
    counts = rejected.group_by("fetch_id").agg(records_rejected=pl.len())
    return (
        rows.join(counts, on="fetch_id", how="left")
        .join(spans, on="fetch_id", how="left")
        .with_columns(pl.col("records_rejected").fill_null(0), recorded_at=pl.lit(now))
    )
