"""The bulk endpoints: CSV of all symbols, with every oddity that was seen at the vendor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from factorlab_lake.providers.fmp.fake_server import encoding
from factorlab_lake.providers.fmp.fake_server.dataset import FakeDataset
from factorlab_lake.providers.fmp.fake_server.encoding import Record, WireEndpoint

__all__ = ["text_of"]

_SYMBOLS_IN_A_PART = 250
_BOM = "\ufeff"


def text_of(world: FakeDataset, endpoint: WireEndpoint, asked: Mapping[str, str]) -> str:
    """Return the CSV: a BOM, spaces and a last comma in the header, everything quoted, a row twice."""
    fields = list(encoding.names(endpoint.dataset, endpoint.generation))
    records = _CHOICE[endpoint.form](world, endpoint.dataset, asked)
    rows = [_line(fields, sent) for sent in encoding.written(endpoint.dataset, records, endpoint.generation)]
    header = ", ".join(_quoted(field) for field in fields) + ","
    return _BOM + "\n".join([header, *rows, *rows[-1:]]) + "\n"


def _of_period(world: FakeDataset, dataset: str, asked: Mapping[str, str]) -> list[Record]:
    year, period = asked.get("year", ""), asked.get("period", "FY")
    period = "FY" if period == "annual" else period
    return [
        each
        for symbol in world.symbols
        for each in world.records(dataset, symbol)
        if (str(each.get("fiscal_year")), each.get("fiscal_period")) == (year, period)
    ]


def _of_part(world: FakeDataset, dataset: str, asked: Mapping[str, str]) -> list[Record]:
    part = asked.get("part", "0")
    first = int(part) * _SYMBOLS_IN_A_PART if part.isdecimal() else 0
    symbols = world.symbols[first : first + _SYMBOLS_IN_A_PART]
    return [each for symbol in symbols for each in world.records(dataset, symbol)]


def _of_day(world: FakeDataset, dataset: str, asked: Mapping[str, str]) -> list[Record]:
    day = asked.get("date", world.today.isoformat())
    found: list[Record] = []
    for symbol in world.symbols:
        found += [each | {"symbol": symbol} for each in world.records(dataset, symbol) if each["date"] == day]
    return found


_CHOICE: dict[str, Callable[[FakeDataset, str, Mapping[str, str]], list[Record]]] = {
    "bulk_period": _of_period,
    "bulk_part": _of_part,
    "bulk_day": _of_day,
}


def _line(fields: list[str], record: Record) -> str:
    return ",".join(_quoted(record.get(field)) for field in fields)


def _quoted(value: Any) -> str:
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return '"' + text.replace('"', '""') + '"'
