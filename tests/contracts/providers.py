"""Test what every provider must do; the suite runs against any of them.

A vendor's tests subclass :class:`ProviderContract` with a fixture ``subject``: the provider, configured for a
test server or test data, and the content of that.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from factorlab_lake.errors import FetchFailed
from factorlab_lake.providers.protocol import Call, FetchResult, Provider, Request
from factorlab_lake.schema import DATASETS

__all__ = ["ProviderContract", "Subject", "answers_of"]

# Datasets that are fetched for comparisons and have no table of that name.
_CHECKS = {"price_unadjusted", "market_cap"}
_ODD = (
    "BRK.B",
    "BRK/B",
    "0700.HK",
    "600519",
    "^GSPC",
    "BF-B",
    "CON",
    "A&B=C?#%2e",
    "Ä",
    "..",
    "../..",
    " ",
    "",
)


@dataclass
class Subject:
    """Describe a provider under test and its content.

    ``symbols``: at least two with every dataset over at least ``days``. ``unknown``: a symbol without data.
    ``secrets``: texts that must not appear anywhere.
    """

    provider: Provider
    symbols: Sequence[str]
    unknown: str
    days: tuple[date, date]
    secrets: Sequence[str] = field(default_factory=tuple)


def answers_of(provider: Provider, requests: Sequence[Request]) -> list[FetchResult]:
    """Return the results of requests through the calls that the provider plans for them."""
    return [answer for call in provider.plan(requests) for answer in provider.answer(call)]


def _requests(subject: Subject, symbols: Sequence[str], start: date | None = None) -> list[Request]:
    return [
        Request(dataset, symbol, period, start)
        for symbol in symbols
        for dataset, offer in subject.provider.datasets.items()
        for period in offer.periods or (None,)
    ]


class ProviderContract:
    """Define the suite; a class that inherits it defines the fixture ``subject``."""

    @pytest.fixture
    def subject(self) -> Subject:
        """Return the provider under test; every vendor's class overrides it."""
        raise NotImplementedError

    def test_it_offers_datasets_that_the_lake_knows(self, subject: Subject) -> None:
        """Dataset names are the lake's: a dataset with another name would be fetched and never stored."""
        assert subject.provider.name
        assert subject.provider.datasets
        assert set(subject.provider.datasets) <= set(DATASETS) | _CHECKS
        assert subject.provider.calls_per_minute > 0
        assert subject.provider.calls_at_once > 0

    def test_a_plan_holds_every_request_once(self, subject: Subject) -> None:
        """Each request is in exactly one call, with and without a start."""
        requests = _requests(subject, subject.symbols) + _requests(subject, ["X"], subject.days[0])
        planned = [request for call in subject.provider.plan(requests) for request in call.requests]
        assert sorted(map(repr, planned)) == sorted(map(repr, requests))
        assert subject.provider.plan([]) == []

    def test_a_call_says_how_many_calls_it_takes(self, subject: Subject) -> None:
        """Each call needs at least one API call; a run estimates its duration from these numbers."""
        assert all(call.calls >= 1 for call in subject.provider.plan(_requests(subject, subject.symbols)))

    def test_every_request_is_answered_in_its_place(self, subject: Subject) -> None:
        """Results come in the order of the requests and contain the request's dataset, symbol and period."""
        for call in subject.provider.plan(_requests(subject, subject.symbols)):
            for request, answer in zip(call.requests, subject.provider.answer(call), strict=True):
                expected = (request.dataset, request.symbol, request.period)
                assert (answer.dataset, answer.symbol, answer.period) == expected
                assert (answer.error, answer.fault) == (None, None)
                assert answer.records is not None

    def test_an_answer_says_where_it_came_from(self, subject: Subject) -> None:
        """A result has provider, endpoint, parameters as JSON, hash, calls and an aware time in UTC."""
        for answer in answers_of(subject.provider, _requests(subject, subject.symbols[:1])):
            assert answer.provider == subject.provider.name
            assert answer.endpoint
            assert isinstance(json.loads(answer.parameters), dict)
            assert len(answer.payload_sha256 or "") == len("0" * 64)
            assert answer.fetched_at.utcoffset() == timedelta(0)
            assert answer.api_calls >= 1
            assert answer.duration_ms >= 0

    def test_every_answer_has_an_id_of_its_own(self, subject: Subject) -> None:
        """Fetch ids are unique: two results with one id would be one row of the fetch log."""
        answers = answers_of(subject.provider, _requests(subject, subject.symbols))
        assert len({a.fetch_id for a in answers}) == len(answers)

    def test_a_range_is_honoured_where_it_is_offered(self, subject: Subject) -> None:
        """A ranged dataset returns no records before the start or after the end."""
        first, last = subject.days
        start, end = first + (last - first) / 4, first + (last - first) / 2
        ranged = [d for d, offer in subject.provider.datasets.items() if offer.ranged]
        for dataset in ranged:
            expected = Request(dataset, subject.symbols[0], None, start, end)
            (answer,) = answers_of(subject.provider, [expected])
            assert answer.records is not None
            days = answer.records["date"].str.slice(0, len("2024-12-31")).str.to_date()
            assert answer.records.height > 0
            assert days.is_between(start, end).all()

    def test_an_unknown_symbol_stops_no_other(self, subject: Subject) -> None:
        """It has a typed fault, or no records where none are valid; the other symbol gets its records."""
        requests = _requests(subject, [subject.unknown, subject.symbols[0]])
        for answer in answers_of(subject.provider, requests):
            if answer.symbol == subject.unknown and answer.fault is None:
                assert answer.count == 0
            elif answer.symbol == subject.unknown:
                assert isinstance(answer.fault, FetchFailed)
                assert answer.error == str(answer.fault)
                assert (answer.records, answer.fault.fatal) == (None, False)
            else:
                assert answer.fault is None

    @pytest.mark.parametrize("symbol", _ODD)
    def test_no_symbol_breaks_it(self, subject: Subject, symbol: str) -> None:
        """Any text as a symbol gives a result for that symbol, at worst with a fault."""
        for answer in answers_of(subject.provider, _requests(subject, [symbol])):
            assert answer.symbol == symbol
            assert answer.count == 0
            assert answer.fault is None or isinstance(answer.fault, FetchFailed)

    def test_a_dataset_it_does_not_offer_is_a_fault(self, subject: Subject) -> None:
        """The result has a fault and nothing raises, so that the other requests of a run continue."""
        (answer,) = subject.provider.answer(Call((Request("moon_phase", subject.symbols[0]),)))
        assert isinstance(answer.fault, FetchFailed)
        assert not answer.fault.retryable

    def test_threads_get_the_answers_that_one_gets(self, subject: Subject) -> None:
        """A pool of threads gets the same results from one object as a single thread."""
        calls = subject.provider.plan(_requests(subject, subject.symbols))
        one = [subject.provider.answer(call) for call in calls]
        with ThreadPoolExecutor(8) as pool:
            many = list(pool.map(subject.provider.answer, calls))
        for alone, together in zip(one, many, strict=True):
            for a, b in zip(alone, together, strict=True):
                assert a.payload_sha256 == b.payload_sha256
                assert_frame_equal(_frame(a), _frame(b), check_dtypes=False)

    def test_no_secret_is_seen(self, subject: Subject) -> None:
        """No secret is in the provider's repr, in a result, or in a fault with its traceback."""
        answers = answers_of(subject.provider, _requests(subject, [*subject.symbols, subject.unknown]))
        seen = [repr(subject.provider), str(subject.provider), repr(vars(subject.provider)), repr(answers)]
        seen += ["".join(traceback.format_exception(a.fault)) for a in answers if a.fault]
        assert not [s for s in subject.secrets for text in seen if s in text]


def _frame(answer: FetchResult) -> pl.DataFrame:
    assert answer.records is not None
    return answer.records
