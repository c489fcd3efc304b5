"""What a provider, or the old cache, answered to one question, before anything is made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from factorlab_lake.ingest.normalize import META

__all__ = ["Fetched"]


@dataclass(slots=True)
class Fetched:
    """One answer: its records as a frame of raw fields, and where they came from.

    ``records`` is None when nothing could be read; ``error`` then says why. ``broken`` are records that
    are no objects at all, as ``(position, reason, text)``.
    """

    fetch_id: str
    dataset: str
    symbol: str
    fetched_at: datetime
    provider: str
    endpoint: str
    parameters: str
    records: pl.DataFrame | None
    period: str | None = None
    error: str | None = None
    payload_sha256: str | None = None
    http_status: int | None = None
    api_calls: int = 0
    duration_ms: float = 0.0
    broken: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Records in the answer, whether or not they are any good."""
        return (0 if self.records is None else self.records.height) + len(self.broken)

    def raw(self) -> pl.DataFrame:
        """Return the records with the columns that say where each came from."""
        if self.records is None:
            raise ValueError(f"{self.endpoint} has no records: {self.error}")
        context = {
            "_symbol": pl.lit(self.symbol),
            "_period": pl.lit(self.period, pl.String),
            "_fetch_id": pl.lit(self.fetch_id),
            "_fetched_at": pl.lit(self.fetched_at).cast(pl.Datetime("us", "UTC")),
            "_provider": pl.lit(self.provider),
        }
        frame = self.records
        if "_position" not in frame.columns:
            frame = frame.with_columns(_position=pl.int_range(pl.len(), dtype=pl.Int64))
        return frame.with_columns(**context).select(*META, pl.exclude(META))
