"""Interrupt the questions of a session at random moments, while another lake object changes the snapshot.

``FACTORLAB_SOAK_INTERRUPTS=1000`` sets the number of interrupts; the default is short.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import FrameType

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from factorlab_lake.query.result_cache import ResultCache
from tests.support import THOROUGH, without_index
from tests.unit.query.lake_builder import LakeBuilder, quarters

INTERRUPTS = int(os.environ.get("FACTORLAB_SOAK_INTERRUPTS", "60" if THOROUGH else "20"))
SYMBOLS = ["AAA", "BBB"]
DAYS = [date(2020, 12, 31), date(2021, 1, 29), date(2021, 2, 1)]
CLOSES = (10.0, 11.0)  # of AAA on the last day, by turns
_WAIT_S = 60
_WEIGHTS = (5, 4, 1)  # of the kinds of lakes: computed rows take long
_OF_THE_LOAD = ("fetch_id", "recorded_at", "fetched_at")

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")

Question = Callable[[Lake], pl.DataFrame]
CAPS_SQL = "FROM market_caps($symbols, $dates) ORDER BY symbol, date"
QUESTIONS: dict[str, Question] = {
    "market_caps": lambda lake: lake.market_caps(SYMBOLS, DAYS),
    "ttm": lambda lake: lake.ttm(SYMBOLS, DAYS),
    "factors": lambda lake: lake.factors("AAA", DAYS),
    "prices": lambda lake: lake.prices(SYMBOLS, "2021-01-01"),
    "prices of a day": lambda lake: lake.prices("AAA", "2021-02-01", "2021-02-01"),
    "adjusted prices": lambda lake: lake.prices(SYMBOLS, adjusted=True),
    "statements": lambda lake: lake.statements(SYMBOLS, "2020-06-01", as_of="2021-03-01"),
    "quarters": lambda lake: lake.quarters("BBB"),
    "explanation": lambda lake: lake.explain_market_cap("AAA", DAYS[-1]),
    "sql": lambda lake: lake.sql("SELECT symbol, date, close_price FROM price_data ORDER BY ALL"),
    "sql of caps": lambda lake: lake.sql(CAPS_SQL, symbols=SYMBOLS, dates=DAYS),
    "sql of statements": lambda lake: lake.sql("SELECT count(*) AS n FROM financial_statements"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a lake of two companies with bars and statements of two years."""
    cases = LakeBuilder()
    for symbol, scale in (("AAA", 1.0), ("BBB", 2.0)):
        ends = [f"{year}-{end}" for year in (2019, 2020) for end in ("03-31", "06-30", "09-30", "12-31")]
        values = [100.0 * scale + i for i in range(len(ends))]
        records = quarters(
            ends, revenue=values, netIncome=values, weightedAverageShsOut=[1000 * scale] * len(ends)
        )
        cases.statements(symbol, "income", records)
        days = [date(year, month, 1 + day) for year in (2020, 2021) for month in (1, 2) for day in range(28)]
        cases.closes(symbol, {day.isoformat(): scale * 10 for day in days if day.weekday() < 5})
    folder = tmp_path_factory.mktemp("interrupted")
    return cases.build(folder).path


def change(lake: Lake, turn: int) -> None:
    """Commit another close of the last day."""
    day = DAYS[-1]
    row = {"symbol": ["AAA"], "date": [day], "split_basis_date": [day], "close_price": [CLOSES[turn]]}
    lake.load("price_data", pl.DataFrame(row))


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` in this thread after some seconds, unless the block has ended."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
        finally:
            signal.signal(signal.SIGALRM, previous)


def answered(lake: Lake, name: str) -> pl.DataFrame:
    """Return the answer to a question without the columns that differ between two loads of one value."""
    return QUESTIONS[name](lake).drop(_OF_THE_LOAD, strict=False)


def answers_by_close(place: Path) -> dict[float, dict[str, pl.DataFrame]]:
    """Return the answers of uninterrupted sessions for each close of the last day."""
    writer, expected = fl.open(place, create=False), {}
    for turn, close in enumerate(CLOSES):
        change(writer, turn)
        fresh = fl.open(place, create=False)
        expected[close] = {name: answered(fresh, name) for name in QUESTIONS}
    return expected


def durations(lake: Lake) -> dict[str, float]:
    """Return the seconds that each question takes in an open session."""
    seconds = {}
    for name, question in QUESTIONS.items():
        started = time.perf_counter()
        question(lake)
        seconds[name] = time.perf_counter() - started
    return seconds


class Soak:
    """Ask questions that are interrupted, and compare the answers after each interrupt."""

    def __init__(self, place: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.expected = answers_by_close(place)
        self.lakes = {
            "index": fl.open(place, create=False),
            "stored rows": without_index(fl.open(place, create=False), frozenset()),
        }
        if "FACTORLAB_SOAK_INTERRUPTS" in os.environ:
            self.lakes["computed rows"] = without_index(fl.open(place, create=False), None)
        self.seconds = durations(self.lakes["stored rows"])
        self.outcomes: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.closes: dict[int, float] = {}  # by snapshot

    def interrupt(self) -> None:
        """Interrupt a question or a refresh, then ask some questions and compare their answers."""
        [kind] = self.random.choices(list(self.lakes), _WEIGHTS[: len(self.lakes)])
        lake, name = self.lakes[kind], self.random.choice(list(QUESTIONS))
        moves = kind == "index" and self.random.random() < 0.3  # the others would lose what they are for
        delay = max(1e-4, self.random.uniform(0, 1.1) * self.seconds[name])
        try:
            with interrupted_after(delay):
                if moves:
                    lake.refresh()
                QUESTIONS[name](lake)
            self.outcomes["done"] += 1
        except KeyboardInterrupt:
            self.outcomes["interrupted"] += 1
        except BaseException as error:  # noqa: BLE001 - a panic is no Exception; any other error is a fault
            self.wrong.append(f"{kind}, {name}: {type(error).__name__} {error}")
        self.compare(kind, lake, [name, self.random.choice(list(QUESTIONS))])

    def compare(self, kind: str, lake: Lake, names: list[str]) -> None:
        """Note each answer that is not that of the lake's snapshot, and each error."""
        number = lake.snapshot.id
        if number not in self.closes:
            [self.closes[number]] = lake.at(number).prices("AAA", DAYS[-1], DAYS[-1])["close_price"]
        close = self.closes[number]
        for name in names:
            try:
                assert_frame_equal(answered(lake, name), self.expected[close][name])
            except Exception as error:  # noqa: BLE001 - each is a fault that the test reports
                self.wrong.append(f"{kind}, {name} after an interrupt: {type(error).__name__} {error}")


# An interrupt between the opening of a file and its `with` leaves the file to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seed", [19])
def test_answers_after_interrupts_at_random_moments_are_right(
    place: Path, seed: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After any interrupt, each answer of the session is that of its snapshot, and none is an error."""
    results = ResultCache(2**20)  # an answer of an interrupted question must not be cached either
    monkeypatch.setattr("factorlab_lake.lake.shared_results", lambda: results)
    soak = Soak(place, seed)
    ended = threading.Event()

    def write() -> None:
        writer, turn = fl.open(place, create=False), 0
        while not ended.wait(1.0):
            change(writer, turn)
            turn = 1 - turn

    thread = threading.Thread(target=write)
    thread.start()
    started = time.perf_counter()
    try:
        while soak.outcomes["interrupted"] < INTERRUPTS and time.perf_counter() - started < INTERRUPTS:
            if soak.random.random() < 0.5:
                results.clear()
            soak.interrupt()
    finally:
        ended.set()
        thread.join(_WAIT_S)
    snapshots = len(fl.open(place, create=False).history())
    with capsys.disabled():
        sys.stdout.write(
            f"\n{dict(soak.outcomes)} in {time.perf_counter() - started:.1f} s, {snapshots} snapshots, "
            f"{len(soak.wrong)} wrong answers or errors\n"
        )
    assert soak.wrong == []
    assert soak.outcomes["interrupted"] >= INTERRUPTS // 2
