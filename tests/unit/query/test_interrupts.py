"""Test that Ctrl-C, wherever it comes, leaves a session that answers right."""

from __future__ import annotations

import ast
import linecache
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.index.read_index import ReadIndex
from factorlab_lake.lake import Lake
from factorlab_lake.query import lake_database, result_cache, session, snapshot_reader, user_sql
from factorlab_lake.query.result_cache import ResultCache
from factorlab_lake.storage import duckdb_frames
from factorlab_lake.storage.interrupts import interrupts_raised
from tests.support import without_index

_TRIED = None if "FACTORLAB_SOAK_INTERRUPTS" in os.environ else 4  # lines of each sequence; None: all
# The lines that note what a view shows; before them, a view and its note differ.
_NOTES = ("self._shown[name] = files", "self._installed.add(name)")
_INTERRUPTED = {
    str(module.__file__)
    for module in (duckdb_frames, lake_database, result_cache, session, snapshot_reader, user_sql)
}


@cache
def _lines_of_with(path: str) -> frozenset[int]:
    """Return the lines with a context manager, which Python reports again when a block ends."""
    blocks = [node for node in ast.walk(ast.parse(Path(path).read_text())) if isinstance(node, ast.With)]
    return frozenset(line for block in blocks for line in range(block.lineno, block.body[0].lineno))


class Lines:
    """Count the lines of the session's modules that run, and raise ``KeyboardInterrupt`` before one."""

    def __init__(self, interrupted: int) -> None:
        self.interrupted = interrupted
        self.count = 0
        self.notes: list[int] = []
        self._seen: defaultdict[FrameType, set[int]] = defaultdict(set)

    def trace(self, frame: FrameType, event: str, _argument: Any) -> Callable[..., Any] | None:
        """Trace a frame of these modules alone."""
        path = frame.f_code.co_filename
        if path not in _INTERRUPTED:
            return None
        # Python calls no signal handler at the end of a block, before it leaves the context manager.
        is_end = frame.f_lineno in self._seen[frame] and frame.f_lineno in _lines_of_with(path)
        if event == "line" and not is_end:
            self._seen[frame].add(frame.f_lineno)
            self.count += 1
            if linecache.getline(path, frame.f_lineno).strip() in _NOTES:
                self.notes.append(self.count)
            if self.count == self.interrupted:
                raise KeyboardInterrupt
        return self.trace


@contextmanager
def interrupted_before_line(number: int) -> Iterator[Lines]:
    """Interrupt the block before the line of this number; 0 only counts the lines."""
    lines = Lines(number)
    sys.settrace(lines.trace)
    try:
        yield lines
    finally:
        sys.settrace(None)


NARROW = ("2021-03-31", "2021-03-31")
SEQUENCES: dict[str, list[Callable[[Lake], pl.DataFrame]]] = {
    "fewer files": [
        lambda lake: lake.prices("AAPL"),
        lambda lake: lake.prices("AAPL", "1990-01-01", "1990-01-02"),
    ],
    "more files": [lambda lake: lake.prices("AAPL", *NARROW), lambda lake: lake.prices("AAPL")],
    "another function": [
        lambda lake: lake.prices("AAPL", *NARROW),
        lambda lake: lake.market_caps("AAPL", "2020-12-31"),
    ],
    "sql": [
        lambda lake: lake.sql("SELECT count(*) AS n FROM price_data"),
        lambda lake: lake.sql(
            "SELECT symbol, count(*) AS n FROM income_statements GROUP BY ALL ORDER BY ALL"
        ),
    ],
}


@pytest.fixture(scope="module")
def expected(lake_2021: Lake) -> dict[str, list[pl.DataFrame]]:
    """Return the answers of sessions that nothing interrupts."""
    lake = without_index(lake_2021, frozenset())
    return {name: [question(lake) for question in questions] for name, questions in SEQUENCES.items()}


@pytest.mark.parametrize("name", SEQUENCES)
def test_an_interrupt_before_any_line_changes_no_later_answer(
    lake_2021: Lake, expected: dict[str, list[pl.DataFrame]], name: str
) -> None:
    """Interrupt the second of two questions before a line: after it, both answer as before.

    A view that changed while the session still noted its old files once gave 0 rows instead of all.
    """
    lake = without_index(lake_2021, frozenset())
    first, second = SEQUENCES[name]
    first(lake)
    with interrupted_before_line(0) as lines:
        second(lake)
    step = 1 if _TRIED is None else lines.count // _TRIED
    for number in [*lines.notes[:3], *range(1, lines.count, step)]:
        first(lake)
        with suppress(KeyboardInterrupt), interrupted_before_line(number):
            second(lake)
        for question, answer in zip((first, second), expected[name], strict=True):
            assert_frame_equal(question(lake), answer)


def test_a_user_keeps_tables_and_settings_after_an_interrupt(lake_2021: Lake) -> None:
    """After Ctrl-C in a statement, the tables and the transaction of the user are as before it."""
    lake = fl.open(lake_2021.path, create=False)
    lake.sql("CREATE TEMP TABLE mine AS SELECT 1 AS a")
    lake.sql("BEGIN")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(user_sql, "to_polars", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            lake.sql("FROM mine")
    assert lake.sql("FROM mine").rows() == [(1,)]
    lake.sql("ROLLBACK")
    assert lake.sql("FROM mine").rows() == [(1,)]
    assert lake.sql("SHOW TABLES").filter(pl.col("name").str.contains("answer")).is_empty()


def test_a_broken_transaction_is_rolled_back_and_named(lake_2021: Lake) -> None:
    """After an error within a transaction the next statement runs; ROLLBACK and BEGIN do too."""
    lake = fl.open(lake_2021.path, create=False)
    for following in ("SELECT 1 AS a", "ROLLBACK", "BEGIN"):
        lake.sql("CREATE OR REPLACE TEMP TABLE mine AS SELECT 1 AS a")
        lake.sql("BEGIN; INSERT INTO mine VALUES (2)")
        with pytest.raises(InvalidInput, match=r"(?s)too late.*The open transaction is rolled back"):
            lake.sql("SELECT error('too late') AS a")
        lake.sql(following)
        assert lake.sql("FROM mine").rows() == [(1,)]


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


# --- errors that report an interrupt ----------------------------------------------------------------------

REPORTS = [
    RuntimeError("Query interrupted"),
    duckdb.InterruptException("INTERRUPT Error: Interrupted!"),
    pl.exceptions.PanicException(
        "called `Result::unwrap()` on an `Err` value: PyErr { type: <class 'KeyboardInterrupt'>, value: K() }"
    ),
    pl.exceptions.ComputeError("KeyboardInterrupt: "),
]


@pytest.mark.parametrize("error", REPORTS, ids=lambda error: type(error).__name__)
def test_an_error_that_reports_an_interrupt_is_raised_as_one(
    lake_2021: Lake, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """DuckDB and polars report Ctrl-C as errors of their own; the caller sees Ctrl-C."""
    lake = fl.open(lake_2021.path, create=False)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(ReadIndex, "answer", fail)
    with pytest.raises(KeyboardInterrupt):
        lake.market_caps("AAPL", "2020-12-31")


def test_an_error_that_an_interrupt_caused_is_raised_as_one() -> None:
    """A library that handles the interrupt raises a TypeError with it as context."""

    def call_back() -> None:
        try:
            _interrupt()
        except KeyboardInterrupt:
            raise TypeError("unexpected value") from None

    with pytest.raises(KeyboardInterrupt), interrupts_raised():
        call_back()


@pytest.mark.parametrize("error", [TypeError("wrong"), InvalidInput("Query interrupted"), ValueError("1")])
def test_other_errors_stay(error: Exception) -> None:
    """An error stays, also in the handler of an interrupt that the caller got before."""

    def fail() -> None:
        with interrupts_raised():
            raise error

    try:
        _interrupt()
    except KeyboardInterrupt:
        with pytest.raises(type(error)):
            fail()


# --- the result cache -------------------------------------------------------------------------------------


def test_an_interrupted_cache_starts_again_empty() -> None:
    """An interrupt between an answer and its size leaves no wrong size, and nothing to evict that is gone."""
    results = ResultCache(50_000)
    frame = pl.DataFrame({"x": range(1000)})
    with interrupted_before_line(0) as lines:
        results.answer(("count",), frame.clone)
    for number in range(1, lines.count + 1):
        results.clear()
        with pytest.raises(KeyboardInterrupt), interrupted_before_line(number):
            results.answer((number,), frame.clone)
        for key in range(20):
            assert results.answer((number, key), frame.clone).equals(frame)
        assert 0 < results.size_bytes <= results.limit_bytes
