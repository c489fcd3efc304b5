"""Parse the body of a response into a frame of records, in any form that FMP wraps them in."""

from __future__ import annotations

from typing import Any

import polars as pl

from factorlab_lake.errors import BadAnswer
from factorlab_lake.providers.fmp.endpoints import Endpoint
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.providers.records import Shapes, check_names, decode, enclosed, frame_of, plain_frame
from factorlab_lake.providers.response_bounds import BoundExceeded, check_json

__all__ = ["read_records"]

_SEVERAL = "historicalStockList"


def read_records(body: bytes, endpoint: Endpoint, result: FetchResult, shapes: Shapes) -> pl.DataFrame:
    """Return the records of a body in their order; ``result.broken`` gets those that are no JSON objects.

    Raises :class:`BadAnswer` for a body that is not JSON of the endpoint's form.
    """
    try:
        check_json(body)
        records = _plain(body, endpoint, result, shapes)
        if records is None:
            records = frame_of(_records(decode(body), endpoint, result), result)
        check_names(records)
    except ValueError as reason:
        facts = {"retryable": False} if isinstance(reason, BoundExceeded) else {}
        error = BadAnswer(
            f"{result.dataset} of {result.symbol!r}: FMP's response has an unexpected form: {reason}. "
            "Run the same command again.",
            http_status=result.http_status,
            **facts,
        )
    else:
        return records
    raise error


def _plain(body: bytes, endpoint: Endpoint, result: FetchResult, shapes: Shapes) -> pl.DataFrame | None:
    """Read well-formed records with the vectorised reader; return None for others."""
    array: bytes | None = body.strip()
    if endpoint.member:
        parts = enclosed(body, endpoint.member)
        if parts is None or not _is_symbol(parts[0].get("symbol"), result.symbol):
            return None
        array = parts[1]
    if not array or array[:1] != b"[" or array[-1:] != b"]":
        return None
    return plain_frame(array, result.dataset, shapes)


def _records(data: Any, endpoint: Endpoint, result: FetchResult) -> list[Any]:
    """Return the list of records in decoded JSON; raise ``ValueError`` for anything else."""
    if endpoint.member and isinstance(data, dict):
        data = _member(data, endpoint.member, result.symbol)
    if not isinstance(data, list):
        raise ValueError(f"{type(data).__name__} instead of a list of records")  # noqa: TRY004
    return data


def _member(data: dict[str, Any], member: str, symbol: str) -> Any:
    """Return the records in v3's wrapper of one company or of several; ``{}`` has none."""
    if _SEVERAL in data:
        several = data[_SEVERAL] if isinstance(data[_SEVERAL], list) else []
        matches = [e for e in several if isinstance(e, dict) and _is_symbol(e.get("symbol"), symbol)]
        data = matches[0] if matches else {}
    if not data:
        return []
    if not _is_symbol(data.get("symbol"), symbol):
        raise ValueError(f"a response for {str(data.get('symbol'))[:40]!r}")
    if member not in data:
        raise ValueError(f"an object without {member!r}")
    return data[member]


def _is_symbol(value: Any, symbol: str) -> bool:
    return value is None or str(value).upper() == symbol.upper()
