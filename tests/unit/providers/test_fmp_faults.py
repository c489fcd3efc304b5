from __future__ import annotations

import pickle
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest

from factorlab_lake.errors import (
    BadAnswer,
    EmptyAnswer,
    FetchFailed,
    KeyRefused,
    LegacyEndpoint,
    LimitReached,
    NotInPlan,
    NotServed,
    Unavailable,
)
from factorlab_lake.providers.protocol import Request
from tests.fakes.scripted_fmp import KEY, NOW, Script, Time, ask, json_response, provider, recorded

_INCOME = Request("income", "AAPL", "annual")
_GOOD = json_response([{"date": "2020-09-26", "symbol": "AAPL", "period": "FY"}])
_HTML = b"<html><body>502 Bad Gateway</body></html>"

_FOR_GOOD = [
    (recorded("401_invalid_key.json", 401), KeyRefused, "FMP_API_KEY"),
    (recorded("401_invalid_key.json", 200), KeyRefused, "FMP_API_KEY"),
    (recorded("402_premium_query_parameter.txt", 402), NotInPlan, "plan"),
    (recorded("403_exclusive_endpoint.json", 403), NotInPlan, "plan"),
    (recorded("403_legacy_endpoint.json", 403), LegacyEndpoint, "FMP_API_GENERATION=stable"),
    (httpx.Response(403, content=_HTML), NotServed, "FMP_BASE_URL"),
    (json_response({"status": 404}, 404), NotServed, "FMP_BASE_URL"),
    (httpx.Response(302, headers={"location": "https://elsewhere.test"}), NotServed, "FMP_BASE_URL"),
    (recorded("200_empty.json", 200), EmptyAnswer, "symbol"),
    (json_response({}), BadAnswer, "dict instead of a list"),
]
_PASSING = [
    (recorded("429_limit_reach.json", 429), LimitReached),
    (recorded("429_limit_reach.json", 200), LimitReached),
    (httpx.Response(502, content=_HTML), Unavailable),
    (httpx.Response(200, content=_HTML), BadAnswer),
    (httpx.Response(503), Unavailable),
    (httpx.Response(200, content=b'[{"date": "2020-09'), BadAnswer),
    (httpx.Response(200, content=b""), BadAnswer),
    (httpx.Response(200, content=b"\xff\xfe\x00"), BadAnswer),
    (json_response({"Error Message": "Something went wrong"}), BadAnswer),
    (httpx.ReadTimeout("slow"), Unavailable),
    (httpx.ConnectError("refused"), Unavailable),
    (httpx.RemoteProtocolError("peer closed connection"), Unavailable),
]


@pytest.mark.parametrize(("reply", "kind", "hint"), _FOR_GOOD, ids=[k.__name__ for _, k, _ in _FOR_GOOD])
def test_a_refusal_is_typed_and_says_what_to_do(
    reply: httpx.Response, kind: type[FetchFailed], hint: str
) -> None:
    """Each error has its own type, names the request and the next step, and can be pickled."""
    answer = ask(provider(Script(reply)), _INCOME)
    assert type(answer.fault) is kind
    assert answer.records is None
    assert answer.error is not None
    assert "income of 'AAPL'" in answer.error
    assert hint in answer.error
    assert str(pickle.loads(pickle.dumps(answer.fault))) == answer.error
    assert answer.http_status == reply.status_code


@pytest.mark.parametrize("reply", [r for r, k, _ in _FOR_GOOD if not k.retryable])
def test_what_will_not_pass_is_asked_once(reply: httpx.Response) -> None:
    """A refused key or a plan's limit does not change by asking again."""
    script, time = Script(reply), Time()
    assert ask(provider(script, time), _INCOME).api_calls == len(script.calls) == 1
    assert time.slept == []


@pytest.mark.parametrize(("reply", "kind"), _PASSING)
def test_what_may_pass_is_asked_again(reply: httpx.Response | Exception, kind: type[FetchFailed]) -> None:
    """After two faults the third answer is taken, and all three calls are counted."""
    script = Script(reply, reply, _GOOD)
    answer = ask(provider(script), _INCOME)
    assert (answer.fault, answer.count, answer.api_calls, answer.http_status) == (None, 1, 3, 200)
    assert len(script.calls) == 3


@pytest.mark.parametrize(("reply", "kind"), _PASSING)
def test_what_does_not_pass_is_a_fault_of_its_type(
    reply: httpx.Response | Exception, kind: type[FetchFailed]
) -> None:
    """Tries end, as set, and the last fault is the answer's."""
    script = Script(reply)
    answer = ask(provider(script, tries=4), _INCOME)
    assert type(answer.fault) is kind
    assert len(script.calls) == answer.api_calls == 4


def test_waits_grow_and_differ() -> None:
    """Between tries the wait is random below a bound that doubles, so that clients do not come in step."""
    waits = []
    for _ in range(20):
        time = Time()
        ask(provider(Script(httpx.Response(500)), time, tries=4, retry_wait_s=1), _INCOME)
        waits.append(time.slept)
    assert all(len(w) == 3 for w in waits)
    assert all(0 <= wait <= 2**i for w in waits for i, wait in enumerate(w))
    assert len({w[2] for w in waits}) > 1


@pytest.mark.parametrize(
    "said", ["7", "7.0", format_datetime(NOW + timedelta(seconds=7), usegmt=True)], ids=["7", "7.0", "date"]
)
def test_a_wait_that_is_asked_for_is_kept(said: str) -> None:
    """``Retry-After`` in seconds or as a date of HTTP: the next call goes out then and not before."""
    time = Time()
    script = Script(json_response({}, 429, **{"retry-after": said}), _GOOD)
    assert ask(provider(script, time), _INCOME).fault is None
    assert sum(time.slept) == pytest.approx(7)


@pytest.mark.parametrize("said", ["soon", "nan", "inf", "-5", ""])
def test_a_wait_that_is_no_wait_does_no_harm(said: str) -> None:
    """A nonsensical ``Retry-After`` leaves the usual pause, or none, and the call is made again."""
    script = Script(json_response({}, 429, **{"retry-after": said}), _GOOD)
    assert ask(provider(script), _INCOME).fault is None


def test_a_wait_too_long_to_wait_ends_the_run() -> None:
    """An hour is not waited for: the fault says so, and that no other call will be served."""
    time = Time()
    script = Script(json_response({}, 429, **{"retry-after": "3600"}))
    answer = ask(provider(script, time), _INCOME)
    assert isinstance(answer.fault, LimitReached)
    assert answer.fault.fatal
    assert answer.fault.facts["retry_after_s"] == 3600
    assert (len(script.calls), time.slept) == (1, [])


def test_a_limit_that_outlasts_all_tries_is_fatal_when_nobody_is_served() -> None:
    """With the day's limit used up, every further symbol would only wait in vain."""
    answer = ask(provider(Script(recorded("429_limit_reach.json", 429))), _INCOME)
    assert answer.fault is not None
    assert answer.fault.fatal


def test_without_a_key_nothing_is_asked() -> None:
    """A missing key raises before any call, with the setting's name."""
    script = Script(_GOOD)
    answer = ask(provider(script, api_key=None), _INCOME)
    assert isinstance(answer.fault, KeyRefused)
    assert "FMP_API_KEY" in str(answer.fault)
    assert (script.calls, answer.api_calls) == ([], 0)


@pytest.mark.parametrize("dataset", ["split", "dividend"])
def test_no_splits_are_an_answer(dataset: str) -> None:
    """An empty list of splits is valid: most companies never split their shares."""
    for generation, body in (("stable", []), ("v3", {}), ("v3", {"symbol": "AAPL", "historical": []})):
        answer = ask(
            provider(Script(json_response(body)), api_generation=generation), Request(dataset, "AAPL")
        )
        assert (answer.fault, answer.count) == (None, 0)


@pytest.mark.parametrize("dataset", ["price", "price_unadjusted", "market_cap"])
def test_no_new_bars_are_an_answer_and_no_bars_at_all_are_not(dataset: str) -> None:
    """After a weekend there is nothing new; a company without any bar is unknown."""
    fmp = provider(Script(json_response([])))
    assert ask(fmp, Request(dataset, "AAPL", start=NOW.date())).fault is None
    assert isinstance(ask(fmp, Request(dataset, "AAPL")).fault, EmptyAnswer)


def test_a_key_that_the_vendor_repeats_is_struck_out() -> None:
    """An error message that quotes the key does not carry it on."""
    answer = ask(provider(Script(json_response({"Error Message": f"Invalid API KEY {KEY}"}, 401))), _INCOME)
    assert answer.error is not None
    assert "Invalid API KEY ***" in answer.error
    assert KEY not in repr(answer)


def test_a_closed_provider_makes_no_more_tries() -> None:
    """A call that waits for its next try while the provider is closed ends with a fault."""
    script = Script(httpx.Response(500))
    fmp = provider(script)
    fmp._closed.set()
    answer = ask(fmp, _INCOME)
    assert isinstance(answer.fault, Unavailable)
    assert len(script.calls) == 1
