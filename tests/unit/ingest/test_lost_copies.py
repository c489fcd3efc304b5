"""Test what remains of a copy with an unreadable value when another copy of its record is stored."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.lake import Lake
from tests.support import EARLIER, FETCHED, LATER, Entry, arrive, bar, income

_REASON = "unread: {} cannot be read or is impossible; another copy is stored"


def _statement(at: datetime = FETCHED, limit: int = 20, **values: Any) -> Entry:
    return Entry("AAPL", "income", [income("2019-09-28", **values)], cached_at=at, limit=limit)


def _rejected(lake: Lake) -> list[dict[str, Any]]:
    return lake.sql("SELECT * FROM rejected_records ORDER BY fetch_id, position").to_dicts()


def _stored(lake: Lake) -> list[tuple[Any, ...]]:
    return lake.sql("SELECT revenue, extra FROM income_statements ORDER BY version").rows()


def test_the_losing_copy_of_one_cache_is_rejected_with_its_text(lake: Lake, cache: Path) -> None:
    """Two files of one cache have the statement; the copy with 'n/a' loses, and the lake has its record."""
    good, bad = _statement(limit=20), _statement(limit=8, revenue="n/a")
    good.write(cache)
    bad.write(cache)
    report = lake.migrate(cache)
    assert _stored(lake) == [(64698000000.0, None)]
    [reject] = _rejected(lake)
    assert reject["reason"] == _REASON.format('"revenue":"n/a"')
    assert (reject["position"], reject["symbol"], reject["data_type"]) == (0, "AAPL", "income_statements")
    assert json.loads(reject["record"])["revenue"] == "n/a"
    assert report.rejects == [(bad.path, 0, reject["reason"])]
    assert (report.records, report.rejected, report.equal, report.new["income_statements"]) == (2, 1, 0, 1)
    validated = lake.validate(cache)
    assert (validated.equal, validated.rejected, validated.differs) == (1, 1, 0)
    assert lake.migrate(cache).rejected == 0
    assert len(_rejected(lake)) == 1


def test_the_losing_copy_of_a_later_fetch_is_rejected_with_its_text(lake: Lake, tmp_path: Path) -> None:
    """A later fetch serves 'n/a' for a known revenue: the value stays, and the text is kept."""
    arrive(lake, tmp_path, _statement(EARLIER))
    arrive(lake, tmp_path, _statement(LATER, revenue="n/a", eps="-"))
    assert _stored(lake) == [(64698000000.0, None)]
    assert [r["reason"] for r in _rejected(lake)] == [_REASON.format('"eps":"-", "revenue":"n/a"')]


def test_a_stored_copy_that_loses_to_an_older_answer_leaves_its_text(lake: Lake, tmp_path: Path) -> None:
    """The fetch with 'n/a' arrives first, and the better answer of an earlier time second."""
    arrive(lake, tmp_path, _statement(LATER, revenue="n/a"))
    [(value, text)] = _stored(lake)
    assert (value, json.loads(text)) == (None, {"revenue": "n/a"})
    assert _rejected(lake) == []
    arrive(lake, tmp_path, _statement(EARLIER))
    assert _stored(lake) == [(64698000000.0, None)]
    [reject] = _rejected(lake)
    assert (reject["position"], reject["reason"]) == (-1, _REASON.format("revenue"))
    assert json.loads(reject["record"])["revenue"] == "n/a"


@pytest.mark.parametrize("times", [(EARLIER, LATER), (LATER, EARLIER)], ids=["in order", "late"])
def test_a_losing_bar_leaves_its_text(lake: Lake, tmp_path: Path, times: tuple[datetime, datetime]) -> None:
    """Bars like statements: the open of a later fetch cannot be read."""
    entries = {
        EARLIER: Entry("AAPL", "price", [bar("2019-03-29", 4.0)], cached_at=EARLIER),
        LATER: Entry("AAPL", "price", [bar("2019-03-29", 4.0, open="n/a")], cached_at=LATER),
    }
    for time in times:
        arrive(lake, tmp_path, entries[time])
    assert lake.sql("SELECT open_price, extra FROM price_data").rows() == [(4.0, None)]
    [reject] = _rejected(lake)
    assert json.loads(reject["record"])["open"] == "n/a"
    assert reject["data_type"] == "price_data"


def test_a_copy_that_is_stored_is_not_rejected(lake: Lake, tmp_path: Path) -> None:
    """Where a stored row has the text in `extra`, no record is rejected: alone, repeated or replaced."""
    arrive(lake, tmp_path, _statement(EARLIER, revenue="n/a"))
    arrive(lake, tmp_path, _statement(FETCHED, revenue="n/a"))
    arrive(lake, tmp_path, _statement(LATER))
    assert [(value, text and json.loads(text)) for value, text in _stored(lake)] == [
        (None, {"revenue": "n/a"}),
        (64698000000.0, None),
    ]
    assert _rejected(lake) == []
