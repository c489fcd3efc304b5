"""Test changes of symbols that a fetch finds: which rows land, and what the answers say before and after.

Statements and bars are those of ``tests/unit/query/test_companies.py``: each quarter has 100 of revenue in
the old company's time and 7 in the new one's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from factorlab_lake.providers.fmp import FmpProvider
from factorlab_lake.providers.fmp.settings import fmp_settings
from tests.fakes.fmp import FakeDataset, FakeFmp, synthetic_dataset
from tests.fakes.scripted_fmp import KEY, Time, provider
from tests.support import assert_same_content, content
from tests.unit.query.lake_builder import LakeBuilder, one
from tests.unit.query.test_companies import ENDS, NEW, OLD, add_two, reports

_ROWS = (
    "SELECT symbol, company_id, valid_from::VARCHAR, valid_to::VARCHAR, source, kind "
    "FROM symbol_history ORDER BY symbol, valid_from"
)
_UNKNOWN = "0001-01-01"
_BARS = ("2017-01-02", "2019-12-29")
_FB_LEFT = ("FB", None, _UNKNOWN, "2018-02-20", "provider", "rename")
_META_TAKEN = ("META", None, "2018-02-20", None, "provider", "rename")


def _change(day: str, old: str, new: str) -> dict[str, Any]:
    return {"date": day, "companyName": f"{new} Inc.", "oldSymbol": old, "newSymbol": new}


_RENAMED = _change("2018-02-20", "FB", "META")


def _fmp(*changes: Any, calls: list[str] | None = None, time: Time | None = None) -> FmpProvider:
    """Return a provider whose list of changes is given, and that has nothing else."""

    def handler(request: httpx.Request) -> httpx.Response:
        if calls is not None:
            calls.append(request.url.path)
        is_list = request.url.path.endswith("/symbol-change")
        return httpx.Response(200, text=json.dumps(changes if is_list else []))

    return provider(handler, time or Time(start=datetime.now(UTC)))


def _fetch(lake: Lake, symbols: Any, *changes: Any, **options: Any) -> Any:
    return lake.fetch(_fmp(*changes, **options), symbols, kinds="symbol_changes")


def _ttm(lake: Lake, symbol: str, day: str) -> tuple[float | None, str | None]:
    row = one(lake, "ttm", symbol, day)
    return row["revenue"], row["reason"]


def _facts() -> LakeBuilder:
    """Return FB until its company left it, and META, which the vendor serves with the whole history."""
    builder = LakeBuilder()
    builder.statements("FB", "income", reports(ENDS[:8], OLD, is_new=False))
    builder.statements("META", "income", reports(ENDS, OLD, is_new=False))
    return builder


@pytest.mark.parametrize("changes_first", [False, True])
def test_renamed_by_fetched_history(tmp_path: Path, *, changes_first: bool) -> None:
    """FB ends and META goes on, whichever arrives first; the two are no classes of one company."""
    lake = fl.open(tmp_path / "lake")
    if changes_first:
        _fetch(lake, ["FB", "META"], _RENAMED)
        _facts().add_to(lake, tmp_path)
    else:
        _facts().add_to(lake, tmp_path)
        _fetch(lake, "META", _RENAMED)  # who follows a rename asks for the new symbol alone
    assert lake.sql(_ROWS).rows() == [_FB_LEFT, _META_TAKEN]
    assert _ttm(lake, "FB", "2018-02-19") == (400, None)
    assert _ttm(lake, "FB", "2018-02-20") == (None, "company_changed")
    assert _ttm(lake, "META", "2018-02-19") == (400, None)
    assert _ttm(lake, "META", "2019-03-01") == (400, None)
    caps = lake.market_caps(["FB", "META"], "2018-02-19")
    assert caps["multi_class"].to_list() == [False, False]
    assert lake.verify(deep=True).clean


def test_two_symbols_without_a_known_change_stay_classes(tmp_path: Path) -> None:
    """The rule must not fire for GOOG and GOOGL: both are used on the same days."""
    lake = _facts().build(tmp_path)
    _fetch(lake, ["FB", "META"], _change("2018-02-20", "OTHER", "META"))
    assert lake.market_caps(["FB", "META"], "2018-02-19")["multi_class"].to_list() == [True, True]


@pytest.mark.parametrize(
    "changes",
    [
        [_RENAMED],
        [_RENAMED, _change("2018-03-01", "XYZ", "FB")],
        [_RENAMED, _change("2018-02-20", "XYZ", "FB")],
    ],
    ids=["listed anew", "by a rename", "on the same day"],
)
def test_a_ticker_given_to_another_company_has_no_mixed_answer(tmp_path: Path, changes: list[Any]) -> None:
    """Bars have no gap, so only the change tells that the statements of FB are of two companies."""
    builder = LakeBuilder()
    add_two(builder, "FB", OLD, NEW, _BARS)
    lake = builder.build(tmp_path)
    assert _ttm(lake, "FB", "2018-05-15") == (307, None)  # taken for a successor
    _fetch(lake, "FB", *changes)
    assert _ttm(lake, "FB", "2018-02-19") == (400, None)
    assert _ttm(lake, "FB", "2018-04-29") == (None, "company_changed")
    assert _ttm(lake, "FB", "2018-05-15") == (None, "quarter_missing")
    assert _ttm(lake, "FB", "2019-02-15") == (28, None)
    row = one(lake, "market_caps", "FB", "2018-03-15")
    assert (row["market_cap"], row["company_id"], row["reason"]) == (None, None, "company_changed")
    assert one(lake, "factors", "FB", "2018-03-15")["company_id"] is None
    assert one(lake, "market_caps", "FB", "2018-05-15")["market_cap"] == 50


def test_a_symbol_that_its_company_takes_again_is_its_own(tmp_path: Path) -> None:
    """The change was reverted: the year goes on, and only the time between has no company."""
    builder = LakeBuilder()
    builder.statements("FB", "income", reports(ENDS, OLD, is_new=False))
    lake = builder.build(tmp_path)
    _fetch(lake, "FB", _RENAMED, _change("2018-06-01", "META", "FB"))
    assert _ttm(lake, "FB", "2018-05-15") == (None, "company_changed")
    assert _ttm(lake, "FB", "2018-08-15") == (400, None)


def test_a_company_that_returns_after_another_mixes_nothing(tmp_path: Path) -> None:
    """No year has quarters of both companies, or of the old one from before and after the other."""
    builder = LakeBuilder()
    builder.statements("FB", "income", reports(ENDS[:8], OLD, is_new=False))
    builder.statements("FB", "income", reports(ENDS[8:12], NEW, is_new=True))
    builder.statements("FB", "income", reports(ENDS[12:], OLD, is_new=False))
    lake = builder.build(tmp_path)
    changes = [
        _change("2018-03-01", "XYZ", "FB"),
        _change("2019-03-01", "FB", "XYZ"),
        _change("2019-03-02", "META", "FB"),
    ]
    _fetch(lake, "FB", _RENAMED, *changes)
    assert _ttm(lake, "FB", "2019-02-15") == (28, None)
    assert _ttm(lake, "FB", "2019-04-15") == (None, "company_changed")
    assert _ttm(lake, "FB", "2019-08-15") == (None, "quarter_missing")
    assert _ttm(lake, "FB", "2020-02-15") == (400, None)
    assert lake.sql("SELECT kind FROM company_history ORDER BY valid_from")["kind"].to_list() == [
        None,
        "reuse",
        "reuse",
    ]


def test_a_change_of_symbols_that_the_lake_does_not_hold_changes_nothing(tmp_path: Path) -> None:
    """The list has the changes of all companies of the world."""
    lake = _facts().build(tmp_path)
    before = content(lake)
    report = _fetch(
        lake, "META", _change("2018-02-20", "OLD", "NEWER"), _change("2018-02-21", "NEWER", "NEW")
    )
    assert (report.clean, report.records, report.new) == (True, 0, {})
    after = content(lake)
    assert_same_content(
        {n: rows for n, rows in after.items() if n != "data_fetch_log"},
        {n: rows for n, rows in before.items() if n != "data_fetch_log"},
    )


def test_a_symbol_that_was_taken_has_the_answers_that_it_had(tmp_path: Path) -> None:
    """A vendor serves the company's whole history under its new symbol, so a change ends nothing there."""
    builder = LakeBuilder()
    add_two(builder, "META", OLD, NEW, ("2017-01-02", "2018-02-05"), ("2018-03-11", "2019-12-29"))
    lake = builder.build(tmp_path)
    days = ["2018-02-05", "2018-02-06", "2018-04-29", "2018-12-15", "2019-02-15"]
    before = [lake.ttm("META", days), lake.market_caps("META", days), lake.sql("FROM company_history")]
    _fetch(lake, "META", _change("2018-02-20", "FB", "META"))
    after = [lake.ttm("META", days), lake.market_caps("META", days), lake.sql("FROM company_history")]
    assert all(old.equals(new) for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("load_first", [False, True])
def test_a_loaded_history_beats_a_fetched_one_of_any_age(tmp_path: Path, *, load_first: bool) -> None:
    """A user's correction stays, whatever a later fetch brings."""
    lake = _facts().build(tmp_path)
    steps: list[Callable[[], Any]] = [
        lambda: lake.load(
            "symbol_history",
            {"symbol": ["FB"], "company_id": [OLD], "valid_from": ["2012-05-18"], "valid_to": ["2018-02-15"]},
        ),
        lambda: _fetch(lake, "FB", _RENAMED),
    ]
    for step in steps if load_first else reversed(steps):
        step()
    rows = [row for row in lake.sql(_ROWS).rows() if row[0] == "FB"]
    assert rows == [("FB", OLD, "2012-05-18", "2018-02-15", "file", None)]


def test_a_newer_list_replaces_an_older_one(tmp_path: Path) -> None:
    """The provider has corrected the day; an answer without the change removes nothing."""
    lake, time = fl.open(tmp_path / "lake"), Time()
    for changes in ([_RENAMED], [_change("2018-02-21", "FB", "META")], []):
        lake.fetch(
            _fmp(*changes, time=time), "FB", kinds="symbol_changes", policy=fl.FetchPolicy(everything=True)
        )
        time.seconds += 60
    assert lake.sql(_ROWS).rows() == [("FB", None, _UNKNOWN, "2018-02-21", "provider", "rename")]


@pytest.mark.parametrize(
    ("symbol", "changes", "intervals"),
    [
        ("B", [("2020-01-02", "A", "B"), ("2021-01-02", "B", "C")], [("2020-01-02", "2021-01-02")]),
        ("A", [("2020-01-02", "A", "B"), ("2020-01-06", "A", "B")], [(_UNKNOWN, "2020-01-02")]),
        (
            "A",
            [("2020-01-02", "A", "B"), ("2022-01-03", "A", "Z")],
            [(_UNKNOWN, "2020-01-02"), ("2020-01-02", "2022-01-03")],
        ),
        (
            "A",
            [("2022-01-03", "Z", "A"), ("2020-01-02", "a", "b")],
            [(_UNKNOWN, "2020-01-02"), ("2022-01-03", None)],
        ),
        ("A", [("2020-01-02", "A", "A"), ("2020-01-02", "", "A")], []),
    ],
    ids=["between two changes", "told twice", "left twice", "left and taken", "no change"],
)
def test_intervals_follow_from_the_list(
    tmp_path: Path, symbol: str, changes: list[tuple[str, str, str]], intervals: list[tuple[str, str | None]]
) -> None:
    """A symbol's rows are the intervals between the days on which a company took and left it."""
    lake = fl.open(tmp_path / "lake")
    _fetch(lake, symbol, *(_change(*each) for each in changes))
    assert [row[2:4] for row in lake.sql(_ROWS).rows()] == intervals


def test_the_list_is_requested_once_for_all_symbols_and_again_after_a_week(tmp_path: Path) -> None:
    """One call answers for all symbols, and a change that the list had keeps what the vendor sent."""
    lake, calls = fl.open(tmp_path / "lake"), list[str]()
    over_a_week_ago = Time(start=datetime.now(UTC) - timedelta(days=8))
    for time in (over_a_week_ago, None, None):
        _fetch(lake, ["FB", "META", "AAPL"], _RENAMED, calls=calls, time=time)
    assert calls == ["/stable/symbol-change"] * 2
    extra = lake.sql("SELECT extra FROM symbol_history WHERE symbol = 'FB'").item()
    assert json.loads(json.loads(extra)["changes"]) == [_RENAMED]
    log = lake.sql(
        "SELECT DISTINCT symbol, data_type, api_calls_made FROM data_fetch_log ORDER BY symbol"
    ).rows()
    assert log == [("AAPL", "symbol_history", 0), ("FB", "symbol_history", 1), ("META", "symbol_history", 0)]


def test_a_fetch_without_kinds_asks_for_changes(tmp_path: Path) -> None:
    """The fake server and the provider agree about the endpoint."""
    dataset: FakeDataset = synthetic_dataset(["FB", "AAPL"], end=date(2021, 3, 31))
    dataset = dataset.put("symbol_change", "FB", [_change("2021-03-01", "FB", "META")], generation="stable")
    lake = fl.open(tmp_path / "lake")
    with FakeFmp(dataset, key=KEY) as server:
        settings = fmp_settings(api_key=KEY, base_url=server.url, calls_per_minute=100_000)
        with FmpProvider(settings) as fmp:
            assert lake.fetch(fmp, ["FB", "AAPL"]).clean
        assert [r.path for r in server.requests].count("/stable/symbol-change") == 1
    assert lake.sql(_ROWS).rows() == [("FB", None, _UNKNOWN, "2021-03-01", "provider", "rename")]


def test_a_plan_without_the_list_is_no_failure(tmp_path: Path) -> None:
    """The report has one line about the missing list, which is no error."""
    lake = fl.open(tmp_path / "lake")
    fmp = provider(lambda _: httpx.Response(402, text="Exclusive Endpoint"))
    report = lake.fetch(fmp, ["FB", "META"], kinds="symbol_changes")
    assert (report.clean, [row[:2] for row in report.short]) == (True, [("FB", "symbol_change")])


def test_a_change_without_a_day_is_rejected_with_its_reason(tmp_path: Path) -> None:
    """The other changes of the symbol are stored."""
    lake = fl.open(tmp_path / "lake")
    report = _fetch(lake, "FB", _change("0000-00-00", "FB", "ZZZ"), _RENAMED)
    assert report.rejected == 1
    assert (
        lake.sql("SELECT reason FROM rejected_records").item().startswith("date: '0000-00-00' is not a day")
    )
    assert lake.sql(_ROWS).rows() == [_FB_LEFT]
