from __future__ import annotations

import json
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import httpx
import polars as pl
import pytest

from factorlab_lake.providers.fmp import FmpProvider
from factorlab_lake.providers.fmp.settings import fmp_settings
from factorlab_lake.providers.protocol import FetchResult, Request
from tests.fakes.fmp import FakeFmp, FaultRule, Faults, synthetic_dataset
from tests.fakes.scripted_fmp import KEY, NOW, Script, ask, json_response, provider

_FIRST = date(2020, 1, 1)
_DAYS = [_FIRST + timedelta(days=i) for i in range(237)]  # every day is a trading day here


class Vendor:
    """Return the newest bars of the requested days, at most ``cap`` at a time."""

    def __init__(
        self, cap: int, days: list[date] = _DAYS, *, heeds_to: bool = True, overlap: int = 0
    ) -> None:
        self.cap = cap
        self.days = days
        self.heeds_to = heeds_to
        self.overlap = overlap
        self.requested: list[dict[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one call."""
        requested = dict(request.url.params)
        self.requested.append(requested)
        first, last = (date.fromisoformat(requested[name]) for name in ("from", "to"))
        if len(self.requested) > 1:
            last += timedelta(days=self.overlap)
        rows = [d for d in self.days if first <= d and (d <= last or not self.heeds_to)]
        newest = sorted(rows, reverse=True)[: self.cap]
        return json_response(
            [{"symbol": "AAPL", "date": str(d), "close": float(d.toordinal())} for d in newest]
        )


def _days(answer: FetchResult) -> list[date]:
    assert answer.records is not None
    return [date.fromisoformat(d) for d in answer.records["date"]]


@pytest.mark.parametrize("cap", [5, 10, 50, 100, 5000])
def test_a_capped_history_is_paged_until_its_start(cap: int) -> None:
    """All bars come, newest first, each once, as one answer that counts its calls."""
    vendor = Vendor(cap)
    answer = ask(provider(vendor), Request("price", "AAPL", None, _FIRST, _DAYS[-1]))
    assert _days(answer) == _DAYS[::-1]
    assert answer.short is None
    assert answer.api_calls == len(vendor.requested)
    assert all(later["to"] > earlier["to"] for later, earlier in pairwise(vendor.requested))


def test_a_history_that_reaches_its_start_takes_one_call() -> None:
    """A round number of bars is no reason to ask again when only a weekend lies before the first."""
    monday = _DAYS[5]
    vendor = Vendor(5000, _DAYS[5:205])
    answer = ask(provider(vendor), Request("price", "AAPL", None, monday - timedelta(days=2)))
    assert monday.weekday() == 0
    assert (answer.count, len(vendor.requested)) == (200, 1)


def test_a_company_younger_than_the_start_is_not_short() -> None:
    """The vendor has no more: that is all there is."""
    vendor = Vendor(50, _DAYS[37:])
    answer = ask(provider(vendor), Request("price", "AAPL", None, date(1990, 1, 1)))
    assert _days(answer) == _DAYS[:36:-1]
    assert answer.short is None
    assert len(vendor.requested) == 5  # four full pages, and one that is empty


def test_without_a_start_the_whole_history_is_asked_for() -> None:
    """FMP gives five years when no start is named."""
    vendor = Vendor(5000)
    ask(provider(vendor), Request("price", "AAPL"))
    assert vendor.requested[0]["from"] == "1900-01-01"


def test_pages_that_overlap_give_each_bar_once() -> None:
    """A vendor that includes one day too many repeats a bar on every page."""
    answer = ask(provider(Vendor(10, overlap=1)), Request("price", "AAPL", None, _FIRST, _DAYS[-1]))
    assert _days(answer) == _DAYS[::-1]


def test_duplicate_rows_of_a_response_stay_in_the_records() -> None:
    """Duplicate rows of one response stay in the records; the merge decides about them."""
    twice = [{"symbol": "AAPL", "date": "2026-11-20", "close": 1.0}] * 2
    answer = ask(provider(Script(json_response(twice))), Request("price", "AAPL", start=date(2026, 11, 20)))
    assert answer.count == 2


def test_a_vendor_that_does_not_page_is_asked_twice_and_said_to_be_short() -> None:
    """The same newest bars again and again: no circle, and the answer says how far it reaches."""
    vendor = Vendor(50, heeds_to=False)
    answer = ask(provider(vendor), Request("price", "AAPL", None, _FIRST))
    assert len(vendor.requested) == 2
    assert answer.count == 50
    assert str(_DAYS[-50]) in (answer.short or "")


def test_a_history_cut_off_by_years_is_said_to_be_short() -> None:
    """Five years to the day, and nothing before: that is what plans do, not companies."""
    days = [NOW.date() - timedelta(days=i) for i in range(1826, 0, -3)]
    answer = ask(provider(Vendor(5000, days)), Request("price", "AAPL", None, date(2000, 1, 1)))
    assert "5 years: the plan" in (answer.short or "")


def _years(count: int) -> list[dict[str, Any]]:
    return [{"date": f"{2025 - i}-09-30", "symbol": "AAPL", "period": "FY"} for i in range(count)]


@pytest.mark.parametrize(
    ("start", "period", "limit"),
    [
        (None, "quarterly", "1000"),
        (date(2026, 1, 1), "quarterly", "7"),
        (date(2016, 11, 1), "quarterly", "44"),
        (date(2016, 11, 1), "annual", "14"),
        (date(1700, 1, 1), "quarterly", "1000"),
        (date(2027, 1, 1), "quarterly", "4"),
    ],
)
def test_as_many_statements_are_asked_for_as_there_can_be(
    start: date | None, period: Any, limit: str
) -> None:
    """A quarter needs one row, a year one; a request has a margin, and without a start it requests all."""
    script = Script(json_response(_years(3)))
    ask(provider(script), Request("income", "AAPL", period, start))
    assert script.calls[0].url.params["limit"] == limit


def test_statements_cut_by_the_plan_are_said_to_be_short() -> None:
    """Five rows are the most that the free plan returns, at any limit."""
    answer = ask(provider(Script(json_response(_years(5)))), Request("income", "AAPL", "annual"))
    assert "5 rows instead of 1000" in (answer.short or "")
    answer = ask(
        provider(Script(json_response(_years(5)))), Request("income", "AAPL", "annual", date(2021, 6, 1))
    )
    assert answer.short is None


def test_a_plan_that_refuses_the_limit_is_asked_for_less() -> None:
    """What the plan gives is taken, said to be short, and the larger limit is not tried again."""
    requested = []

    def vendor(request: httpx.Request) -> httpx.Response:
        requested.append(request.url.params["limit"])
        if int(requested[-1]) > 5:
            said = b"Premium Query Parameter: 'Special Endpoint : This value set for 'limit' is not available"
            return httpx.Response(402, content=said)
        return json_response(_years(int(requested[-1])))

    fmp = provider(vendor)
    answers = [ask(fmp, Request("income", "AAPL", "annual")) for _ in range(2)]
    assert requested == ["1000", "5", "5"]
    assert [(a.count, a.fault) for a in answers] == [(5, None)] * 2
    assert all("plan" in (a.short or "") for a in answers)


def test_records_that_are_none_are_noted_once_and_in_their_own_places() -> None:
    """Of several pages, what is no record has a place that no record has; a failed try leaves nothing."""
    bars = [{"symbol": "AAPL", "date": f"2020-01-{d:02d}", "close": 1.0} for d in range(20, 10, -1)]
    script = Script(
        httpx.Response(200, content=json.dumps([*bars[:5], 7])[:-3].encode()),
        json_response([*bars[:5], 7]),
        json_response([None, *bars[5:]]),
        json_response([]),
    )
    answer = ask(provider(script), Request("price", "AAPL", None, date(2019, 1, 1), date(2020, 1, 20)))
    assert (answer.count, answer.records is not None) == (12, True)
    assert [(place, text) for place, _, text in answer.broken] == [(10, "7"), (11, "null")]


def test_statements_that_fill_the_limit_before_the_start_are_asked_for_again() -> None:
    """Rows sent twice used the limit up: the second question asks for all."""
    rows = [row for row in _years(11) for _ in range(2)]

    def vendor(request: httpx.Request) -> httpx.Response:
        return json_response(rows[: int(request.url.params["limit"])])

    answer = ask(provider(vendor), Request("income", "AAPL", "annual", date(2016, 1, 1)))
    assert answer.records is not None
    assert answer.records["date"].min() == "2015-09-30"
    assert json.loads(answer.parameters)["limit"] == "14"
    assert answer.api_calls == 2


@pytest.mark.parametrize("generation", ["stable", "v3"])
def test_row_caps_over_the_wire(generation: str) -> None:
    """The fake vendor with a cap gives the history that it gives without one."""
    dataset = synthetic_dataset(["ACME"])
    whole, capped = [_history(dataset, generation, cap) for cap in (None, 100)]
    assert whole.height == capped.height > 500
    assert whole.sort("date").equals(capped.sort("date").select(whole.columns))


def _history(dataset: Any, generation: str, cap: int | None) -> pl.DataFrame:
    rules = [] if cap is None else [FaultRule("row_cap", rows=cap)]
    with FakeFmp(dataset, key=KEY, faults=Faults(rules=rules)) as server:
        settings = fmp_settings(api_key=KEY, base_url=server.url, api_generation=generation)
        with FmpProvider(settings) as fmp:
            answer = ask(fmp, Request("price", "ACME", None, date(2019, 1, 1)))
    assert answer.fault is None
    assert answer.records is not None
    return answer.records
