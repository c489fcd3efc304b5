"""Every question that can be asked of a lake, with sample arguments, for asking it in several ways.

Run by itself it asks by the methods of the lake, under whichever duckdb it finds:
``python -m tests.unit.query.entry_points VERSION LAKE FOLDER [methods]``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path

import duckdb
import polars as pl

import factorlab_lake as fl
from factorlab_lake.functions.duckdb_functions import FUNCTIONS, sql_text
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES, identifiers

__all__ = ["METHODS", "SAMPLES", "SYMBOLS", "answer", "questions"]

SYMBOLS = ["AAPL", "GOOG", "GOOGL", "NOBODY"]
DATES = [
    f"{year}-{day}" for year in range(2010, 2022) for day in ("01-02", "05-06", "07-31", "10-29", "12-31")
]
START, END, AS_OF = "2014-05-30", "2020-09-11", "2020-10-30"

# By the name of the parameter; where there are several, each is tried.
SAMPLES: dict[str, tuple[str, ...]] = {
    "symbols": (str(SYMBOLS),),
    "dates": (f"{DATES}::DATE[]",),
    "start_date": (f"DATE '{START}'",),
    "end_date": (f"DATE '{END}'",),
    "as_of": (f"DATE '{AS_OF}'",),
    "close": ("71.5143",),
    "splits_since": ("7.0",),
    "vintage": ("'known'", "'latest'"),
}
_HEAD = re.compile(
    r"^CREATE OR REPLACE (?P<kind>VIEW|MACRO) \w+(?:\((?P<arguments>.*)\))? AS(?P<table> TABLE)?$",
    re.MULTILINE,
)
_COMMA = re.compile(r",\s*(?![^(\[]*[)\]])")  # between arguments, not inside the type of one


def questions() -> dict[str, str]:
    """Return a query for each table and derived view, and for each function and choice of its arguments."""
    queries = {name: f"SELECT {identifiers(spec.names())} FROM {name}" for name, spec in TABLES.items()}
    for name in FUNCTIONS:
        calls = _calls(name)
        queries |= {name if len(calls) == 1 else f"{name}-{n}": call for n, call in enumerate(calls)}
    return queries


def _calls(name: str) -> list[str]:
    head = _HEAD.search(sql_text(name))
    assert head is not None, name
    if head["kind"] == "VIEW":
        return [f"SELECT * FROM {name}"]
    choices = [_choices(name, argument) for argument in _COMMA.split(head["arguments"])]
    calls = [f"{name}({', '.join(filter(None, chosen))})" for chosen in product(*choices)]
    return [f"SELECT * FROM {call}" if head["table"] else f"SELECT {call} AS answer" for call in calls]


def _choices(name: str, argument: str) -> list[str]:
    parameter, default, _ = argument.partition(" := ")
    if default:  # left to its default where there is no sample
        return [f"{parameter} := {value}" for value in SAMPLES.get(parameter, ())] or [""]
    assert parameter in SAMPLES, f"{name} takes {parameter!r}: give it a sample in {__file__}"
    return list(SAMPLES[parameter])


METHODS: dict[str, Callable[[Lake], pl.DataFrame]] = {
    "market_caps": lambda lake: lake.market_caps(SYMBOLS, DATES),
    "ttm": lambda lake: lake.ttm(SYMBOLS, DATES),
    "factors": lambda lake: lake.factors(SYMBOLS, DATES),
    "revisions": lambda lake: lake.revisions(),
    "ratios": lambda lake: lake.ratios(SYMBOLS, START, END),
    "quarters": lambda lake: lake.quarters(SYMBOLS, as_of=AS_OF),
    "financial_statements": lambda lake: lake.statements(SYMBOLS),
    "statements_as_of": lambda lake: lake.statements(SYMBOLS, as_of=AS_OF),
    "price_data": lambda lake: lake.prices(SYMBOLS),
    "adjusted_prices": lambda lake: lake.prices(SYMBOLS, START, END, adjusted=True),
}


def answer(lake: Lake, into: Path, *, queries: bool = True) -> None:
    """Write the rows of the methods, and of each query through the lake, as Parquet files."""
    into.mkdir(parents=True, exist_ok=True)
    for name, ask in METHODS.items():
        ask(lake).write_parquet(into / f"method-{name}.parquet")
    for name, query in questions().items() if queries else ():
        lake.sql(query).write_parquet(into / f"{name}.parquet")


if __name__ == "__main__":
    version, place, folder, *methods = sys.argv[1:]
    assert duckdb.__version__.startswith(version), f"duckdb {duckdb.__version__} instead of {version}"
    answer(fl.open(place, create=False), Path(folder), queries=not methods)
