"""Read FMP's bulk files: one CSV of all companies, for one fiscal period or one part of the profiles.

Prices do not come from ``eod-bulk``: the split basis of its past bars is unknown. A history of one symbol
counts all splits up to the day of the response.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date

import polars as pl

from factorlab_lake.errors import BadAnswer, counted
from factorlab_lake.providers.fmp.endpoints import Endpoint
from factorlab_lake.providers.http_client import HttpRequest
from factorlab_lake.providers.protocol import Request
from factorlab_lake.schema.limits import MAX_BULK_BYTES, MAX_FIELDS

__all__ = ["PARTS", "BulkRecords", "bulk_frame", "bulk_requests", "file_count", "read_bulk"]

BulkRecords = dict[str, list[dict[str, str | None]]]

PARTS = 4  # files of profiles when last seen; there may be more by now, and an empty one is the last
_MOST_PARTS = 100
_QUARTERS = ("Q1", "Q2", "Q3", "Q4")
# Fields that the single endpoint does not send as text and that one JSON column stores together: there, 1 and
# "1" would be two different profiles. Every other field gets its type from its column.
_NUMBERS = (
    "price",
    "marketCap",
    "beta",
    "lastDividend",
    "change",
    "changePercentage",
    "volume",
    "averageVolume",
)
_BOOLEANS = ("defaultImage", "isEtf", "isActivelyTrading", "isAdr", "isFund")


def file_count(endpoint: Endpoint, request: Request, today: date) -> int:
    """Return the number of files that replace requests like this one, or 0 if files cannot."""
    if not endpoint.bulk_path or (endpoint.bulk_by == "year" and request.start is None):
        return 0
    return PARTS if endpoint.bulk_by == "part" else len(list(bulk_requests(endpoint, request, today)))


def bulk_requests(endpoint: Endpoint, request: Request, today: date) -> Iterator[HttpRequest]:
    """Yield the requests for all files that can contain a request's records.

    The label of a fiscal year may be the calendar year before or after the end of its periods. The number of
    parts is unknown: the caller stops at the first empty one.
    """
    if endpoint.bulk_by == "part":
        for part in range(_MOST_PARTS):
            yield HttpRequest(endpoint.bulk_path, {"part": str(part)}, MAX_BULK_BYTES)
        return
    start = request.start or today
    for year in range(start.year - 1, today.year + 2):
        for period in ("FY",) if request.period == "annual" else _QUARTERS:
            parameters = {"year": str(year), "period": period}
            yield HttpRequest(endpoint.bulk_path, parameters, MAX_BULK_BYTES)


def read_bulk(body: bytes, symbols: AbstractSet[str], label: str) -> tuple[BulkRecords, int]:
    """Return the records of some symbols, without duplicates, and the number of all records in the file.

    Values stay text: a symbol may be 600519, and a postal code 02139. An empty text is NULL. Raises
    :class:`BadAnswer` for a body that is no such file, or is cut off.
    """
    try:
        return _read(body.decode("utf-8-sig"), symbols)
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        failure = BadAnswer(f"{label}: the bulk file cannot be read ({error}).", http_status=None)
    raise failure


def bulk_frame(rows: Sequence[dict[str, str | None]], dataset: str) -> pl.DataFrame:
    """Return records of a bulk file as a frame with the types of a single response."""
    names = list(rows[0])
    records = pl.DataFrame([pl.Series(n, [r[n] for r in rows], pl.String) for n in names])
    if dataset != "profile":
        return records
    numbers = [pl.col(n).cast(pl.Float64) for n in names if n in _NUMBERS and _all_numbers(records[n])]
    flags = [
        pl.col(n) == "true" for n in names if n in _BOOLEANS and records[n].is_in(["true", "false"]).all()
    ]
    return records.with_columns(*numbers, *flags)


def _all_numbers(values: pl.Series) -> bool:
    return values.cast(pl.Float64, strict=False).null_count() == values.null_count()


def _read(text: str, symbols: AbstractSet[str]) -> tuple[BulkRecords, int]:
    if text.strip() in ("", "[]"):
        return {}, 0
    lines = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    header = [name.strip() for name in next(lines)]
    if len(header) > MAX_FIELDS:
        raise ValueError(f"{len(header):,} fields, more than {MAX_FIELDS:,}")
    if "symbol" not in header:
        raise ValueError("its header has no symbol")
    width = len(header) if header[-1] else len(header) - 1
    place, count = header.index("symbol"), 0
    records: dict[str, dict[tuple[str, ...], None]] = {}
    for values in lines:
        if not values:
            continue
        if len(values) < width or any(values[width:]):
            raise ValueError(
                f"line {lines.line_num} has {counted(len(values), 'value')} for {counted(width, 'name')}"
            )
        count += 1
        if values[place] in symbols:
            records.setdefault(values[place], {})[tuple(values[:width])] = None
    return {s: [_record(header, values) for values in once] for s, once in records.items()}, count


def _record(header: list[str], values: tuple[str, ...]) -> dict[str, str | None]:
    return {name: value or None for name, value in zip(header, values, strict=False)}
