"""How many answers land together: enough to write few files, few enough for the memory of a laptop."""

from __future__ import annotations

from collections.abc import Iterator

from factorlab_lake.providers.result import FetchResult

__all__ = ["BATCH_RECORDS", "batches"]

BATCH_RECORDS = 160_000


def batches(
    answers: Iterator[FetchResult], at_least: int, *, answers_at_most: int | None = None
) -> Iterator[list[FetchResult]]:
    """Group answers into batches of whole symbols with at least so many records, or so many answers."""
    batch: list[FetchResult] = []
    records = 0
    for answer in answers:
        full = records >= at_least or (answers_at_most is not None and len(batch) >= answers_at_most)
        if batch and full and answer.symbol != batch[-1].symbol:
            yield batch
            batch, records = [], 0
        batch.append(answer)
        records += answer.count
    if batch:
        yield batch
