"""Records in the lake's words, and the same records as each generation of the API sends them."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from factorlab_lake.providers import fields

__all__ = ["Record", "WireEndpoint", "endpoints", "names", "read", "written"]

Record = dict[str, Any]
_FOREIGN = "\0"  # marks fields without a column, kept for the generation that sent them


@dataclass(frozen=True, slots=True)
class WireEndpoint:
    """A path of the API, what it serves, and in which form.

    ``form``: ``list``; ``periods`` and ``range``, lists that can be narrowed; ``history``, a range inside an
    object; ``bulk_period``, ``bulk_part`` and ``bulk_day``, CSV of all symbols.
    """

    path: str
    generation: str
    dataset: str
    form: str

    @property
    def bulk(self) -> bool:
        """Whether it answers with CSV of all symbols."""
        return self.form.startswith("bulk_")


@cache
def endpoints() -> dict[str, WireEndpoint]:
    """Return the paths that are served, without the symbol that ends those of v3."""
    return {row["path"]: WireEndpoint(**row) for row in _rows("endpoints.csv")}


@cache
def names(dataset: str, generation: str) -> dict[str, str]:
    """Return ``{wire field: column}``: as the lake reads them, and for what the lake does not read, our own.

    >>> names("income", "v3")["fillingDate"], names("income", "stable")["filingDate"]
    ('filing_date', 'filing_date')
    """
    return fields.fields(dataset, generation) or {
        row["field"]: row["column"]
        for row in _rows("names.csv")
        if (row["dataset"], row["generation"]) == (dataset, generation)
    }


def read(dataset: str, records: Iterable[Record], generation: str = "v3") -> list[Record]:
    """Return wire records in the lake's words. Fields without a column are kept for their generation."""
    known = names(dataset, generation)
    return [_in_columns(each, known, generation) for each in records]


def written(dataset: str, records: Iterable[Record], generation: str) -> list[Record]:
    """Return records as a generation sends them; what it has no field for is not sent."""
    known = names(dataset, generation).items()
    foreign = _FOREIGN + generation
    return [
        {field: each[column] for field, column in known if column in each} | each.get(foreign, {})
        for each in records
    ]


def _in_columns(sent: Record, known: dict[str, str], generation: str) -> Record:
    record = {known[field]: _number(value) for field, value in sent.items() if field in known}
    rest = {field: value for field, value in sent.items() if field not in known}
    return record | {_FOREIGN + generation: rest} if rest else record


def _number(value: Any) -> Any:
    """Write numbers as the vendor does: whole ones without a point (a frame adds it), and no NaN."""
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() else value


@cache
def _rows(file: str) -> list[dict[str, str]]:
    text = files(__package__).joinpath(file).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
