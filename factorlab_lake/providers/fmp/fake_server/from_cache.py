"""A world out of answers that were read elsewhere: the old cache's, or a provider's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from factorlab_lake.errors import InvalidInput
from factorlab_lake.providers.fmp.fake_server.dataset import FakeDataset
from factorlab_lake.providers.fmp.fake_server.encoding import Record
from factorlab_lake.providers.result import FetchResult

__all__ = ["dataset_from_cache"]


def dataset_from_cache(
    answers: Iterable[FetchResult], splits: Sequence[Mapping[str, Any]] = (), *, generation: str = "v3"
) -> FakeDataset:
    """Return the world on the day of the newest of some answers, with ``splits`` of symbol, date, ratio.

    Answers overlap (the old cache holds a quarter once per limit): what was fetched last counts. All must
    be on one split basis, that of their day.
    """
    read = sorted((a for a in answers if a.records is not None), key=lambda answer: answer.fetched_at)
    if not read:
        raise InvalidInput("No answer with records to serve; give those of a healthy cache.")
    shelves: dict[tuple[str, str], dict[Any, Record]] = {}
    for answer in read:
        _shelve(shelves.setdefault((answer.dataset, answer.symbol), {}), answer)
    for split in splits:
        symbol = str(split["symbol"])
        shelves.setdefault(("split", symbol), {})[split["date"]] = _split(split)
    plain = {key: list(shelf.values()) for key, shelf in shelves.items()}
    return FakeDataset.of(plain, _day(read[-1]), generation=generation)


def _shelve(shelf: dict[Any, Record], answer: FetchResult) -> None:
    if answer.records is None:
        return
    for record in answer.records.iter_rows(named=True):
        sent = {k: v for k, v in record.items() if v is not None and not k.startswith("_")}
        shelf[sent.get("date"), sent.get("period")] = sent


def _split(split: Mapping[str, Any]) -> Record:
    return {
        "symbol": str(split["symbol"]),
        "date": str(split["date"]),
        "numerator": float(split["numerator"]),
        "denominator": float(split["denominator"]),
    }


def _day(answer: FetchResult) -> date:
    return answer.fetched_at.date()
