"""A question that comes again is answered from memory, and the answer is never stale, nor too large."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake import lake
from factorlab_lake.errors import LakeWarning
from factorlab_lake.lake import Lake
from factorlab_lake.query.result_cache import ResultCache, shared_results
from factorlab_lake.query.snapshot_reader import SnapshotReader
from factorlab_lake.settings.models import settings
from tests.support import copy_of

DAYS = ["2020-08-28", "2020-12-31"]
QUESTIONS: dict[str, Callable[[Lake], pl.DataFrame]] = {
    "prices": lambda lake: lake.prices("AAPL", *DAYS),
    "adjusted prices": lambda lake: lake.prices("AAPL", *DAYS, adjusted=True),
    "statements": lambda lake: lake.statements("AAPL", *DAYS),
    "statements of a day": lambda lake: lake.statements("AAPL", *DAYS, as_of="2020-11-30"),
    "market caps": lambda lake: lake.market_caps("AAPL", DAYS),
    "market caps of first filings": lambda lake: lake.market_caps("AAPL", DAYS, vintage="first"),
    "market caps of another": lambda lake: lake.market_caps("GOOGL", DAYS),
    "market caps of another day": lambda lake: lake.market_caps("AAPL", "2020-08-31"),
    "ttm": lambda lake: lake.ttm("AAPL", DAYS),
    "factors": lambda lake: lake.factors("AAPL", DAYS),
}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> ResultCache:
    """Room for answers, none of them there yet."""
    results = ResultCache(2**24)
    monkeypatch.setattr(lake, "shared_results", lambda: results)
    return results


def test_a_question_that_comes_again_is_not_asked_again(kept: ResultCache, lake_2021: Lake) -> None:
    """Each question has an answer of its own, and gets it again by another object on the same lake too."""
    first = {name: ask(lake_2021) for name, ask in QUESTIONS.items()}
    assert (kept.hits, kept.misses) == (0, len(QUESTIONS))
    lake = fl.open(lake_2021.path)
    for name, ask in QUESTIONS.items():
        assert_frame_equal(ask(lake), first[name])
    assert (kept.hits, kept.misses) == (len(QUESTIONS), len(QUESTIONS))


def test_another_snapshot_or_rule_is_another_question(
    kept: ResultCache, lake_2021: Lake, tmp_path: Path
) -> None:
    """After a change, at an earlier snapshot, of another lake and by another rule nothing kept is given."""
    lake = copy_of(lake_2021, tmp_path / "lake")
    before = lake.market_caps("AAPL", "2019-06-28")["market_cap"].item()
    change = {"symbol": "AAPL", "date": "2019-05-01", "numerator": 3.0, "denominator": 1.0}
    lake.load("splits", pl.DataFrame([change]).with_columns(pl.col("date").str.to_date()))
    assert lake.market_caps("AAPL", "2019-04-30")["split_factor"].item() is not None
    lake.market_caps("AAPL", "2019-06-28")
    assert lake.at(lake.snapshot.id - 1).market_caps("AAPL", "2019-06-28")["market_cap"].item() == before
    copy_of(lake_2021, tmp_path / "copy").market_caps("AAPL", "2019-06-28")
    fl.open(lake.path, availability="same_day").market_caps("AAPL", "2019-06-28")
    assert kept.hits == 1  # the earlier snapshot was asked at first


def test_a_refresh_within_a_question_does_not_cache_its_answer_under_the_old_snapshot(
    kept: ResultCache, lake_2021: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread can move the lake between the key of a question and its answer."""
    reader = copy_of(lake_2021, tmp_path / "lake")
    before = reader.market_caps("AAPL", "2019-06-28")
    kept.clear()
    day = pl.Series([date(2019, 6, 28)])
    bar = pl.DataFrame({"symbol": ["AAPL"], "date": day, "split_basis_date": day, "close_price": [1.0]})
    with pytest.warns(LakeWarning):
        fl.open(reader.path).load("price_data", bar)
    old, answer = reader.snapshot.id, SnapshotReader.answer

    def refreshed(self: SnapshotReader, *question: Any) -> pl.DataFrame | None:
        reader.refresh()
        return answer(self, *question)

    monkeypatch.setattr(SnapshotReader, "answer", refreshed)
    assert_frame_equal(reader.market_caps("AAPL", "2019-06-28"), before)
    assert reader.market_caps("AAPL", "2019-06-28")["market_cap"].item() != before["market_cap"].item()
    assert_frame_equal(reader.at(old).market_caps("AAPL", "2019-06-28"), before)


def test_what_a_caller_does_to_its_frame_stays_with_it(kept: ResultCache, lake_2021: Lake) -> None:
    """Neither the first who asked nor a later one changes what others are given."""
    ask = QUESTIONS["market caps"]
    first = ask(lake_2021)
    whole = first.clone()
    first.extend(first.clone())
    first.replace_column(0, pl.Series("symbol", ["X"] * first.height))
    again = ask(lake_2021)
    assert_frame_equal(again, whole)
    again.insert_column(0, pl.lit(1).alias("left"))
    assert_frame_equal(ask(lake_2021), whole)
    assert kept.hits == 2


def test_sql_is_always_asked(kept: ResultCache, lake_2021: Lake) -> None:
    """It may read what changes, such as the time or other files."""
    lake_2021.sql("SELECT random() AS x")
    assert (kept.hits, kept.misses) == (0, 0)


def _frame(rows: int) -> Callable[[], pl.DataFrame]:
    return lambda: pl.DataFrame({"x": range(rows)})


def test_the_least_recently_used_answers_go_first() -> None:
    """The size stays below the limit; an answer that would fill it is given and not kept."""
    results = ResultCache(50_000)
    for name in "abcd":
        results.answer((name,), _frame(1000))  # 8,000 bytes each
    results.answer(("a",), _frame(1000))
    for name in "efg":
        results.answer((name,), _frame(1000))
    assert results.size_bytes <= results.limit_bytes
    hits = results.hits
    for name in "aefg":
        results.answer((name,), _frame(1000))
    assert results.hits == hits + 4
    results.answer(("b",), _frame(1000))
    assert results.hits == hits + 4
    size = results.size_bytes
    assert results.answer(("large",), _frame(5000)).height == 5000
    assert results.size_bytes == size
    results.clear()
    assert (results.size_bytes, results.hits) == (0, hits + 4)


def test_many_questions_without_an_answer_take_room_too() -> None:
    """Empty frames are kept up to the limit as well."""
    results = ResultCache(10_000)
    for day in range(1000):
        results.answer(("prices", day), lambda: pl.DataFrame({"x": []}))
    assert 0 < results.size_bytes <= 10_000
    results.answer(("prices", 0), lambda: pl.DataFrame({"x": []}))
    assert results.hits == 0


@pytest.mark.parametrize(("value", "limit"), [("0", 0), ("3", 3 * 2**20), (None, 256 * 2**20)])
def test_the_size_is_a_setting(monkeypatch: pytest.MonkeyPatch, value: Any, limit: int) -> None:
    """``FACTORLAB_RESULT_CACHE_MB``; 0 keeps nothing."""
    monkeypatch.delenv("FACTORLAB_RESULT_CACHE_MB", raising=False)
    if value is not None:
        monkeypatch.setenv("FACTORLAB_RESULT_CACHE_MB", value)
    settings.cache_clear()
    results = shared_results.__wrapped__()
    settings.cache_clear()
    assert results.limit_bytes == limit
    for _ in range(2):
        results.answer(("a",), _frame(1))
    assert results.hits == (1 if limit else 0)
