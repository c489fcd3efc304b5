"""What a provider, or the old cache, answered to one question, before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from factorlab_lake.errors import FetchFailed

__all__ = ["FetchResult"]


@dataclass(slots=True)
class FetchResult:
    """One answer: its records as a frame of raw fields, and where they came from.

    ``records`` is None when nothing could be read; ``error`` then says why, and ``fault`` is the typed error
    of a provider. ``broken`` are records that are no objects at all, as ``(position, reason, text)``.
    ``fields`` are the lake's columns by the provider's fields, FMP's when None. ``short`` says in what a good
    answer falls short of what was asked. ``parameters`` are JSON, without secrets.
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
    fields: Mapping[str, str] | None = None
    error: str | None = None
    fault: FetchFailed | None = None
    short: str | None = None
    payload_sha256: str | None = None
    http_status: int | None = None
    api_calls: int = 0
    duration_ms: float = 0.0
    broken: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Records in the answer, whether or not they are any good."""
        return (0 if self.records is None else self.records.height) + len(self.broken)
