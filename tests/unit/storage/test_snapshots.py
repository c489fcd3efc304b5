from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, NotFound
from factorlab_lake.lake import Lake
from tests.support import SPLITS, table_rows, writing


def _add(lake: Lake, symbol: str) -> None:
    with writing(lake) as tx:
        tx.append("splits", table_rows("splits", [{"symbol": symbol, "date": date(2020, 1, 1)}]))
    lake.refresh()


def _symbols(lake: Lake) -> list[str]:
    return lake.sql("SELECT symbol FROM splits ORDER BY symbol")["symbol"].to_list()


@pytest.fixture
def grown(lake: Lake) -> Lake:
    """Return a lake of three snapshots, each with one more symbol."""
    for symbol in ("A", "B", "C"):
        _add(lake, symbol)
    return lake


def test_snapshots_are_numbered_from_one_and_say_when_and_why(grown: Lake) -> None:
    """The history has one entry per change, oldest first, with its time, reason and table versions."""
    started = datetime.now(UTC) - timedelta(minutes=10)
    history = grown.history()
    assert [s.id for s in history] == [1, 2, 3]
    assert [s.reason for s in history] == ["test"] * 3
    assert started < history[0].time < history[1].time < history[2].time <= datetime.now(UTC)
    assert [set(s.tables) for s in history] == [{"splits"}] * 3
    assert grown.snapshot == history[-1]


@pytest.mark.parametrize(
    ("snapshot", "symbols"), [(0, []), (1, ["A"]), (2, ["A", "B"]), (3, ["A", "B", "C"])]
)
def test_a_lake_at_a_snapshot_has_its_content(grown: Lake, snapshot: int, symbols: list[str]) -> None:
    """`at` with an id returns that snapshot's content; id 0 is the empty lake."""
    assert _symbols(grown.at(snapshot)) == symbols
    assert _symbols(grown) == ["A", "B", "C"]


def test_a_lake_at_a_moment_is_at_the_newest_snapshot_by_then(grown: Lake) -> None:
    """The time of a snapshot selects it; one microsecond before selects its predecessor."""
    taken = grown.history()[1].time
    assert grown.at(taken).snapshot.id == 2
    assert grown.at(taken - timedelta(microseconds=1)).snapshot.id == 1
    assert grown.at(datetime(2000, 1, 1, tzinfo=UTC)).snapshot.id == 0
    assert grown.at(datetime.now(UTC) + timedelta(days=1)).snapshot.id == 3


def test_a_moment_may_be_in_any_zone_and_in_text(grown: Lake) -> None:
    """The same time in another zone, or as ISO text, selects the same snapshot."""
    taken = grown.history()[1].time
    tokyo = taken.astimezone(timezone(timedelta(hours=9)))
    assert grown.at(tokyo).snapshot.id == 2
    assert grown.at(tokyo.isoformat()).snapshot.id == 2
    assert grown.at("2000-01-01T00:00:00Z").snapshot.id == 0


@pytest.mark.parametrize(
    "when",
    [datetime(2026, 1, 1), "2026-01-01T00:00:00", "2026-01-01", date(2026, 1, 1), "yesterday", ""],  # noqa: DTZ001
)
def test_a_moment_without_a_zone_is_refused(grown: Lake, when: datetime | str) -> None:
    """A naive time raises: it could mean either side of a snapshot."""
    with pytest.raises(InvalidInput, match="2026-01-01T00:00:00Z"):
        grown.at(when)


@pytest.mark.parametrize("snapshot", [4, 99, -1])
def test_an_unknown_snapshot_raises_and_the_error_names_the_others(grown: Lake, snapshot: int) -> None:
    """The error names the existing ids."""
    with pytest.raises(NotFound, match="1 to 3") as caught:
        grown.at(snapshot)
    assert caught.value.facts == {"snapshot": snapshot}


def test_an_unknown_snapshot_of_a_new_lake_raises(lake: Lake) -> None:
    """A lake without a history raises the same error."""
    with pytest.raises(NotFound, match="none"):
        lake.at(1)


def test_a_pinned_lake_can_be_read_but_not_changed(grown: Lake) -> None:
    """A lake returned by `at` refuses every change and stays at its snapshot."""
    pinned = grown.at(1)
    for change in (
        lambda: pinned.load("splits", SPLITS),
        lambda: pinned.migrate("anywhere"),
        pinned.rollback,
        pinned.refresh,
    ):
        with pytest.raises(InvalidInput, match="pinned to snapshot 1"):
            change()
    assert _symbols(pinned) == ["A"]
    assert len(grown.history()) == 3


def test_a_lake_is_pinned_also_to_its_newest_snapshot(grown: Lake) -> None:
    """A lake returned by `at` for the newest time does not follow later writes."""
    pinned = grown.at(datetime.now(UTC))
    _add(grown, "D")
    assert _symbols(pinned) == ["A", "B", "C"]


def test_changes_by_others_show_after_a_refresh(grown: Lake) -> None:
    """An open lake stays at its snapshot until refresh."""
    other = fl.open(grown.path)
    _add(other, "D")
    assert _symbols(grown) == ["A", "B", "C"]
    assert grown.refresh() is grown
    assert _symbols(grown) == ["A", "B", "C", "D"]


def test_rolling_back_an_empty_history_is_refused(lake: Lake) -> None:
    """A rollback of a new lake raises."""
    with pytest.raises(InvalidInput, match="no snapshot"):
        lake.rollback()


def test_rolling_back_to_an_unknown_snapshot_changes_nothing(grown: Lake) -> None:
    """An unknown id raises and commits no snapshot."""
    with pytest.raises(NotFound):
        grown.rollback(9)
    assert [s.id for s in grown.history()] == [1, 2, 3]
