"""FMP's bulk files: one CSV for all companies, of one fiscal period or one part of the profiles.

Prices are not taken from ``eod-bulk``: its bars of a past day do not say which splits they count, while a
history asked for by symbol counts all up to the day of the answer.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date

import polars as pl

from factorlab_lake.errors import BadAnswer
from factorlab_lake.providers.fmp.endpoints import Endpoint, EndpointRequest
from factorlab_lake.providers.protocol import Request

__all__ = ["PARTS", "Rows", "bulk_calls", "bulk_questions", "frame", "read_bulk"]

Rows = dict[str, list[dict[str, str | None]]]

PARTS = 4  # files that the profiles came in; there may be more by now, an empty one is the last
_MOST_PARTS = 100
_QUARTERS = ("Q1", "Q2", "Q3", "Q4")
# What the single endpoint sends as other than text, of the fields that land together in one JSON column:
# there, 1 and "1" would be two different profiles. Every other field is read by its column.
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


def bulk_calls(endpoint: Endpoint, request: Request, today: date) -> int:
    """Return how many files stand for requests like this one; 0 where files cannot."""
    if not endpoint.bulk_path or (endpoint.bulk_by == "year" and request.start is None):
        return 0
    return PARTS if endpoint.bulk_by == "part" else len(list(bulk_questions(endpoint, request, today)))


def bulk_questions(endpoint: Endpoint, request: Request, today: date) -> Iterator[EndpointRequest]:
    """Give the questions for all files that can hold what a request asks for.

    A fiscal year's label may be the calendar year before or after the one its periods end in. Parts are
    numbered without end: the caller stops at the first empty one.
    """
    if endpoint.bulk_by == "part":
        for part in range(_MOST_PARTS):
            yield EndpointRequest(endpoint.bulk_path, {"part": str(part)})
        return
    start = request.start or today
    for year in range(start.year - 1, today.year + 2):
        for period in ("FY",) if request.period == "annual" else _QUARTERS:
            yield EndpointRequest(endpoint.bulk_path, {"year": str(year), "period": period})


def read_bulk(body: bytes, wanted: AbstractSet[str], asked: str) -> tuple[Rows, int]:
    """Return the records of the wanted symbols, each once, and how many records the file has in all.

    Every value is text, and so stays one: a company may be called 600519 or have the postal code 02139. An
    empty text is no value. Raises :class:`BadAnswer` for what is no such file, or is cut.
    """
    try:
        return _read(body.decode("utf-8-sig"), wanted)
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        fault = BadAnswer(f"{asked}: the bulk file cannot be read ({error}).", http_status=None)
    raise fault


def frame(rows: Sequence[dict[str, str | None]], dataset: str) -> pl.DataFrame:
    """Return records of a bulk file as the frame that single answers give."""
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


def _read(text: str, wanted: AbstractSet[str]) -> tuple[Rows, int]:
    if text.strip() in ("", "[]"):
        return {}, 0
    lines = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    header = [name.strip() for name in next(lines)]
    if "symbol" not in header:
        raise ValueError("its first line does not name a symbol")
    width = len(header) if header[-1] else len(header) - 1
    place, count = header.index("symbol"), 0
    found: dict[str, dict[tuple[str, ...], None]] = {}
    for values in lines:
        if not values:
            continue
        if len(values) < width or any(values[width:]):
            raise ValueError(f"line {lines.line_num} has {len(values)} values for {width} names")
        count += 1
        if values[place] in wanted:
            found.setdefault(values[place], {})[tuple(values[:width])] = None
    return {s: [_record(header, values) for values in once] for s, once in found.items()}, count


def _record(header: list[str], values: tuple[str, ...]) -> dict[str, str | None]:
    return {name: value or None for name, value in zip(header, values, strict=False)}
