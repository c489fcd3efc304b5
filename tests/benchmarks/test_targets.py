"""Test the choice of symbols and dates, the targets, and the table."""

from __future__ import annotations

import mmap
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

import factorlab_lake as fl
from benchmarks.bars import symbols, trading_days
from benchmarks.grids import moved, spread
from benchmarks.market import Market
from benchmarks.options import INDEX_OFF, SIZES, Index, Options
from benchmarks.peers import APPENDING, PEERS, with_index_sides
from benchmarks.process import private_mb, private_peak_mb, ran, start_cost
from benchmarks.questions import questions
from benchmarks.results import Limit, Row, Used, show
from benchmarks.targets import Target, targets, with_limits
from tests.benchmarks.expected_questions import QUESTIONS

FULL_QUESTIONS = {
    "one symbol's year of prices",
    "one symbol's year of statements",
    "one symbol's ten years of statements",
    "market caps 16 x 12",
    "market caps 100 x 60",
    "market caps 1000 x 120",
    "market caps 1000 x 1",
    "market caps 1000 x 2518",
    "ttm 1 x 1",
    "ttm 100 x 60",
    "ttm 1000 x 1",
    "factors 16 x 12",
    "factors 100 x 60",
    "factors 1000 x 120",
    "factors 1000 x 1",
    "ratios of 100 symbols",
    "quarters of 10 symbols",
}


def full_market(tmp_path: Path) -> Market:
    """Return the symbols and days of the full size over an empty lake."""
    days = trading_days(date(2014, 1, 2), last=date(2023, 12, 31))
    return Market(fl.open(tmp_path / "lake"), symbols(1000), days, {})


def test_questions_of_the_full_size(tmp_path: Path) -> None:
    """The full size has the questions that the targets name."""
    full = questions(full_market(tmp_path), Options(SIZES["full"], tmp_path))
    assert {question.name for question in full} == FULL_QUESTIONS


def test_each_run_asks_about_new_symbols_or_dates(tmp_path: Path) -> None:
    """No (symbol, date) pair, and no symbol's rows, come twice; the caps of all days have no other days."""
    for question in questions(full_market(tmp_path), Options(SIZES["full"], tmp_path)):
        if question.name == "market caps 1000 x 2518":
            continue
        seen: set[tuple[str, object]] = set()
        for symbol_list, dates, *_ in question.arguments:
            names = [symbol_list] if isinstance(symbol_list, str) else symbol_list
            days = dates if isinstance(dates, list) else [dates]
            pairs = {(name, day) for name in names for day in days}
            assert not seen & pairs, question.name
            seen |= pairs


@pytest.mark.parametrize("name", SIZES)
def test_turns_share_no_symbol(name: str) -> None:
    """At each size the symbols of a grid are others in each turn."""
    size = SIZES[name]
    turns = Options(size, Path()).turns
    for count in size.grid_symbols:
        chosen = [
            s for turn in range(turns) for s in spread(symbols(size.market_symbols), count, turn, turns)
        ]
        assert len(set(chosen)) == count * turns


def test_dates_move_by_a_day() -> None:
    """Each turn moves the dates of a question one day back."""
    month_end = date(2023, 3, 31)
    assert [moved([month_end], turn)[0] for turn in (0, 1)] == [month_end, month_end - timedelta(days=1)]


@pytest.mark.parametrize("target", targets(), ids=lambda t: f"{t.question} {t.peer}".strip())
def test_every_target_has_a_line_in_the_table(target: Target) -> None:
    """A target names a question, and a peer of it; sizes aside, the smallest run has the same lines."""
    lines = {_without_numbers(name): peers for name, peers in QUESTIONS.items()}
    assert target.peer in lines[_without_numbers(target.question)]
    first_word = target.question.split()[0]
    if first_word in ("market", "ttm", "factors", "ratios", "quarters", "one"):
        assert target.question in FULL_QUESTIONS


def _without_numbers(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def test_limits_are_added_to_their_rows() -> None:
    """A target reaches the row of its question, mode and peer, and no other."""
    rows = [Row("q", "ms", 5.0), Row("q", "ms", 5.0, "p", 100.0), Row("q", "ms", 1.0, mode="again")]
    limit = Limit(4, "ms")
    limited = with_limits(rows, [Target("q", "new", "", limit)])
    assert [row.limits for row in limited] == [(limit,), (), ()]


def test_target_in_another_unit_is_refused() -> None:
    """A limit in seconds for a figure in milliseconds stops the run."""
    with pytest.raises(ValueError, match="'q' is measured in ms"):
        with_limits([Row("q", "ms", 5.0)], [Target("q", "new", "", Limit(4, "s"))])


@pytest.mark.parametrize(
    ("row", "limit", "met"),
    [
        (Row("q", "ms", 50, "", None), Limit(60, "ms"), True),
        (Row("q", "ms", 50, "", None), Limit(40, "ms"), False),
        (Row("q", "ms", 50, "p", 100), Limit(60, "ms"), False),
        (Row("q", "ms", 50, "p", 100), Limit(0.5, "x"), True),
        (Row("q", "ms", 50, "p", 100), Limit(0.4, "x"), False),
        (Row("q", "bars/s", 200), Limit(150, "bars/s", at_least=True), True),
        (Row("q", "bars/s", 100), Limit(150, "bars/s", at_least=True), False),
        (Row("q", "ms", 50, "p", None), Limit(0.4, "x"), None),
    ],
)
def test_limit_is_met(row: Row, limit: Limit, met: object) -> None:
    """A limit in "x" is for our ratio; another is for the figure of the line: ours, or the peer's."""
    assert row.met(limit) is met


def test_ratio_of_rates_is_inverted() -> None:
    """A ratio below 1 means that ours is faster, for times as for rates."""
    assert Row("q", "ms", 50, "p", 100).ratio == 0.5
    assert Row("q", "bars/s", 100, "p", 200).ratio == 2.0


def test_table_shows_both_modes_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    """A line has the figures of both modes, our ratio in each, and each target with its result."""
    new = Row("q", "ms", 5.0, "p", 100.0, "equal: 3", used=Used(4.0, 90.0), limits=(Limit(0.1, "x"),))
    own = Row("q", "ms", 5.0, limits=(Limit(4, "ms"),))
    again = Row("q", "ms", 0.25, mode="again", limits=(Limit(1, "ms"),))
    show([own, again, new, Row("q", "ms", 0.25, "p", 50.0, mode="again")])
    _, _, ours, peer = (re.split(r"\s{2,}", line.strip()) for line in capsys.readouterr().out.splitlines())
    assert ours == ["q", "5.00 ms", "0.25 ms", "≤ 4.00 ms, ≤ 1.00 ms again", "missed, met"]
    assert peer == ["p", "100 ms", "50.0 ms", "0.05 x", "0.005 x", "≤ 0.1 x", "met", "equal: 3"]


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ("on", [("ours", {})]),
        ("off", [("ours", INDEX_OFF)]),
        ("both", [("ours", {}), ("ours, index off", INDEX_OFF)]),
    ],
)
def test_index_switch(index: Index, expected: list[tuple[str, dict[str, str]]]) -> None:
    """The switch chooses the sides of ours; other peers stay as they are."""
    options = Options(SIZES["smoke"], Path(), index=index)
    for peers in (PEERS.values(), APPENDING):
        sides = with_index_sides(peers, options)
        assert [(p.name, p.environment) for p in sides if p.name.startswith("ours")] == expected
        assert len(sides) == len(peers) + len(expected) - 1


def test_environment_reaches_the_process() -> None:
    """A process without the index gets the variable that turns it off."""
    assert ran("os:getenv", "FACTORLAB_READ_INDEX", environment=INDEX_OFF).answer == "0"


def test_private_memory_leaves_mapped_files_out(tmp_path: Path) -> None:
    """Memory of the process counts; pages of a mapped file belong to the system's cache."""
    size = 80_000_000
    path = tmp_path / "mapped"
    path.write_bytes(b"x" * size)
    before = private_mb()
    assert private_peak_mb(lambda: bytearray(b"x") * size) - before > 60
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages:
        before = private_mb()
        assert private_peak_mb(lambda: sum(pages[i] for i in range(0, size, 4096))) - before < 40


def test_cpu_time_of_a_start() -> None:
    """The CPU time of a fresh process includes the work of its code."""
    idle = start_cost("import time; time.sleep(0.2)")
    busy = start_cost("import time\nwhile time.process_time() < 0.4: pass")
    assert idle[0] > 0.2
    assert busy[1] >= 0.4
