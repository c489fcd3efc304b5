"""The bytes of an answer as a frame of records, whichever way FMP wrapped them."""

from __future__ import annotations

from typing import Any

import polars as pl

from factorlab_lake.errors import BadAnswer
from factorlab_lake.providers.fmp.endpoints import Endpoint
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.providers.records import Shapes, check_names, decode, enclosed, frame_of, plain_frame

__all__ = ["read_records"]

_SEVERAL = "historicalStockList"


def read_records(body: bytes, endpoint: Endpoint, answer: FetchResult, shapes: Shapes) -> pl.DataFrame:
    """Return the records of an answer, in their order; what is no object is noted in ``answer.broken``.

    Raises :class:`BadAnswer` for anything else than JSON of the endpoint's form.
    """
    try:
        records = _plain(body, endpoint, answer, shapes)
        if records is None:
            records = frame_of(_records(decode(body), endpoint, answer), answer)
        check_names(records)
    except ValueError as reason:
        fault = BadAnswer(
            f"{answer.dataset} of {answer.symbol!r}: FMP's answer is not what its API gives: {reason}. "
            "Run the same command again.",
            http_status=answer.http_status,
        )
    else:
        return records
    raise fault


def _plain(body: bytes, endpoint: Endpoint, answer: FetchResult, shapes: Shapes) -> pl.DataFrame | None:
    """Read what is well formed the fast way; None for the rest."""
    array: bytes | None = body.strip()
    if endpoint.member:
        found = enclosed(body, endpoint.member)
        if found is None or not _same(found[0].get("symbol"), answer.symbol):
            return None
        array = found[1]
    if not array or array[:1] != b"[" or array[-1:] != b"]":
        return None
    return plain_frame(array, answer.dataset, shapes)


def _records(data: Any, endpoint: Endpoint, answer: FetchResult) -> list[Any]:
    """Find the list of records in decoded JSON, or say with ``ValueError`` what is there instead."""
    if endpoint.member and isinstance(data, dict):
        data = _member(data, endpoint.member, answer.symbol)
    if not isinstance(data, list):
        raise ValueError(f"{type(data).__name__} instead of a list of records")  # noqa: TRY004
    return data


def _member(data: dict[str, Any], member: str, symbol: str) -> Any:
    """Take the records out of v3's wrapper of one company, or of the one among several; ``{}`` is empty."""
    if _SEVERAL in data:
        several = data[_SEVERAL] if isinstance(data[_SEVERAL], list) else []
        mine = [e for e in several if isinstance(e, dict) and _same(e.get("symbol"), symbol)]
        data = mine[0] if mine else {}
    if not data:
        return []
    if not _same(data.get("symbol"), symbol):
        raise ValueError(f"an answer for {str(data.get('symbol'))[:40]!r}")
    if member not in data:
        raise ValueError(f"an object without {member!r}")
    return data[member]


def _same(said: Any, symbol: str) -> bool:
    return said is None or str(said).upper() == symbol.upper()
