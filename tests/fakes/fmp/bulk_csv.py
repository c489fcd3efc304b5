"""Write the responses of the bulk endpoints: CSV of all symbols, with every oddity seen at FMP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from factorlab_lake.providers.fmp.sample_server.records_by_symbol import Record, to_wire
from factorlab_lake.providers.fmp.sample_server.responses import ServedEndpoint
from tests.fakes.fmp.dataset import FakeDataset

__all__ = ["bulk_text"]

_SYMBOLS_IN_A_PART = 250
_BOM = "\ufeff"


def bulk_text(dataset: FakeDataset, endpoint: ServedEndpoint, parameters: Mapping[str, str]) -> str:
    """Return the CSV: a BOM, spaces and a last comma in the header, all values quoted, the last row twice."""
    names = dataset.field_names(endpoint.dataset, endpoint.generation)
    records = _SELECTIONS[endpoint.form](dataset, endpoint.dataset, parameters)
    rows = [_line(list(names), sent) for sent in to_wire(records, names, endpoint.generation)]
    header = ", ".join(_quoted(name) for name in names) + ","
    return _BOM + "\n".join([header, *rows, *rows[-1:]]) + "\n"


def _of_period(dataset: FakeDataset, name: str, parameters: Mapping[str, str]) -> list[Record]:
    year, period = parameters.get("year", ""), parameters.get("period", "FY")
    period = "FY" if period == "annual" else period
    return [
        record
        for symbol in dataset.symbols
        for record in dataset.records(name, symbol)
        if (str(record.get("fiscal_year")), record.get("fiscal_period")) == (year, period)
    ]


def _of_part(dataset: FakeDataset, name: str, parameters: Mapping[str, str]) -> list[Record]:
    part = parameters.get("part", "0")
    first = int(part) * _SYMBOLS_IN_A_PART if part.isdecimal() else 0
    symbols = dataset.symbols[first : first + _SYMBOLS_IN_A_PART]
    return [record for symbol in symbols for record in dataset.records(name, symbol)]


def _of_day(dataset: FakeDataset, name: str, parameters: Mapping[str, str]) -> list[Record]:
    day = parameters.get("date", dataset.today.isoformat())
    return [
        record | {"symbol": symbol}
        for symbol in dataset.symbols
        for record in dataset.records(name, symbol)
        if record["date"] == day
    ]


_SELECTIONS: dict[str, Callable[[FakeDataset, str, Mapping[str, str]], list[Record]]] = {
    "bulk_period": _of_period,
    "bulk_part": _of_part,
    "bulk_day": _of_day,
}


def _line(names: list[str], record: Record) -> str:
    return ",".join(_quoted(record.get(name)) for name in names)


def _quoted(value: Any) -> str:
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return '"' + text.replace('"', '""') + '"'
