"""Compare the answers of the read index with those of SQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from importlib import import_module
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.index.read_index import ReadIndex
from factorlab_lake.index.statement_blocks import StatementRequest
from factorlab_lake.lake import Lake
from factorlab_lake.schema import STATEMENT_TYPES
from factorlab_lake.schema.derived_tables import VINTAGES
from tests.unit.query.lake_builder import LakeBuilder

__all__ = [
    "ALL_STATEMENTS",
    "GRIDS",
    "assert_equal",
    "assert_statements_equal",
    "by_index",
    "by_sql",
    "every_case",
    "statements_by_index",
    "statements_by_sql",
    "symbols_of",
]

ALL_STATEMENTS = StatementRequest(STATEMENT_TYPES, date.min, date.max)
_REQUESTS = (
    ALL_STATEMENTS,
    StatementRequest(("cash_flow", "income"), date(2020, 1, 1), date(2020, 12, 31)),
    StatementRequest((), date.min, date.max),
    *(replace(ALL_STATEMENTS, as_of=date(2021, 2, 14), vintage=vintage) for vintage in VINTAGES),
    StatementRequest(("income",), date.min, date.max, as_of=date.min),
)
GRIDS = ("market_caps", "ttm", "factors")
_FILES = (
    "adjusted_prices",
    "derived_quarters",
    "explain",
    "factor_reasons",
    "factors",
    "lookahead",
    "market_caps",
    "split_basis",
    "statements",
    "ttm",
    "vintage",
    "vintages",
)


def every_case() -> LakeBuilder:
    """Return the cases of the query tests: gaps, restatements, splits, currencies, rhythms."""
    cases = LakeBuilder()
    for name in _FILES:
        cases.add(import_module(f"tests.unit.query.test_{name}").CASES, prefix=f"{name}.")
    return cases


def symbols_of(lake: Lake) -> list[str]:
    """Return every symbol with a bar or a statement, and one that is in no table."""
    rows = lake.sql("SELECT symbol FROM price_data UNION SELECT symbol FROM financial_statements")
    return [*sorted(rows["symbol"]), "UNKNOWN"]


def by_index(
    path: Path, question: str, symbols: list[str], days: list[date], vintage: str
) -> pl.DataFrame | None:
    """Return the answer of the index alone; None where it leaves the question to SQL."""
    lake = fl.open(path)
    index = ReadIndex.open(lake._layout, lake.snapshot)
    return None if index is None else index.answer(question, symbols, days, vintage)


def by_sql(path: Path, question: str, symbols: list[str], days: list[date], vintage: str) -> pl.DataFrame:
    """Return the answer of SQL alone."""
    lake = fl.open(path)
    lake._reader.__dict__["index"] = None
    lake.result_cache.clear()
    rows: pl.DataFrame = getattr(lake, question)(symbols, days, vintage=vintage)
    lake.result_cache.clear()
    return rows


def assert_equal(
    path: Path, symbols: list[str], days: list[date], vintages: Iterable[str] = VINTAGES
) -> None:
    """Assert that index and SQL give the same rows, columns, types and order."""
    for question in GRIDS:
        for vintage in vintages:
            rows = by_index(path, question, symbols, days, vintage)
            assert rows is not None, question
            assert_frame_equal(rows, by_sql(path, question, symbols, days, vintage), check_exact=True)


def statements_by_index(
    path: Path, symbols: Iterable[str], request: StatementRequest = ALL_STATEMENTS
) -> pl.DataFrame | None:
    """Return the statements of the index alone; None where it leaves the question to SQL."""
    lake = fl.open(path)
    index = ReadIndex.open(lake._layout, lake.snapshot)
    return None if index is None else index.statements(symbols, request)


def statements_by_sql(
    path: Path, symbols: Iterable[str], request: StatementRequest = ALL_STATEMENTS
) -> pl.DataFrame:
    """Return the statements of SQL alone."""
    return _by_sql(_without_index(path), symbols, request)


def assert_statements_equal(
    path: Path, symbols: list[str], requests: Iterable[StatementRequest] = _REQUESTS
) -> None:
    """Assert that index and SQL give the same statements, in columns, types and order too."""
    lake = _without_index(path)
    index = ReadIndex.open(lake._layout, lake.snapshot)
    assert index is not None
    for request in requests:
        rows = index.statements(symbols, request)
        assert rows is not None
        assert_frame_equal(rows, _by_sql(lake, symbols, request), check_exact=True)


def _without_index(path: Path) -> Lake:
    lake = fl.open(path)
    lake._reader.__dict__["index"] = None
    return lake


def _by_sql(lake: Lake, symbols: Iterable[str], request: StatementRequest) -> pl.DataFrame:
    lake.result_cache.clear()
    rows = lake._statements(
        list(symbols),
        request.first,
        request.last,
        types=request.types,
        as_of=request.as_of,
        vintage=request.vintage,
    )
    lake.result_cache.clear()
    return rows
