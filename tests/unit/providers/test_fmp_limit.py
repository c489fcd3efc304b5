from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import httpx
from hypothesis import given
from hypothesis import strategies as st

from factorlab_lake.errors import Unavailable
from factorlab_lake.providers.fmp import FmpProvider
from factorlab_lake.providers.fmp.settings import fmp_settings
from factorlab_lake.providers.protocol import Call, FetchResult, Request
from factorlab_lake.providers.rate_limit import RateLimiter
from tests.fakes.fmp import FakeFmp, RateLimit, synthetic_dataset
from tests.fakes.scripted_fmp import KEY, Script, Time, ask, json_response, provider

_BAR = json_response([{"symbol": "AAPL", "date": "2026-11-20", "close": 1.0}])
_PRICE = Request("price", "AAPL", start=date(2026, 11, 20))


@given(
    calls=st.integers(1, 6),
    latencies=st.lists(st.floats(0, 100, allow_nan=False), min_size=1, max_size=40),
    before=st.lists(st.floats(0, 50, allow_nan=False), min_size=40, max_size=40),
)
def test_no_window_holds_more_calls_than_allowed(
    calls: int, latencies: list[float], before: list[float]
) -> None:
    """Whenever within a call the server counts it, no 60 seconds hold more than the limit."""
    time = Time()
    limit = RateLimiter(calls, timer=time.timer, sleep=time.sleep)
    spans = []
    for latency, gap in zip(latencies, before, strict=False):
        time.seconds += gap
        with limit.slot():
            began = time.seconds
            time.seconds += latency
        spans.append((began, time.seconds))
    for (_, ended), (began, _) in zip(spans, spans[calls:], strict=False):
        assert began - ended >= 60 - 1e-6


def test_a_full_window_is_used_at_once() -> None:
    """What the limit allows is not held back: the first wait comes with the call after it."""
    time = Time()
    limit = RateLimiter(5, timer=time.timer, sleep=time.sleep)
    for _ in range(5):
        with limit.slot():
            pass
    assert time.slept == []
    with limit.slot():
        pass
    assert time.slept == [60.0]


def test_calls_under_way_hold_their_places() -> None:
    """A call that has not ended counts, however long ago it began: another thread waits for its end."""
    time = Time()
    limit = RateLimiter(1, timer=time.timer, sleep=time.sleep)
    order, entered = [], threading.Event()

    def second() -> None:
        entered.set()
        with limit.slot():
            order.append("second")

    with limit.slot():
        other = threading.Thread(target=second)
        other.start()
        entered.wait()
        time.seconds += 1000
        order.append("first ends")
    other.join(timeout=10)
    assert order == ["first ends", "second"]
    assert time.slept == [60.0]


def test_a_pause_holds_for_every_thread() -> None:
    """One 429 stops the calls of all threads until the wait is over."""
    time = Time()
    limit = RateLimiter(100, timer=time.timer, sleep=time.sleep)
    limit.pause(30)
    limit.pause(10)
    began = []

    def call(_: int) -> None:
        with limit.slot():
            began.append(time.seconds)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(call, range(8)))
    assert len(began) == 8
    assert all(moment >= 1030 for moment in began)


def test_tries_count_as_calls() -> None:
    """A call that is repeated takes a place for each try."""
    time = Time()
    script = Script(httpx.Response(500), httpx.Response(500), _BAR)
    answer = ask(provider(script, time, calls_per_minute=2, retry_wait_s=0), _PRICE)
    assert (answer.fault, answer.api_calls) == (None, 3)
    assert sum(time.slept) == 60


def test_a_server_with_the_same_limit_never_refuses() -> None:
    """Sixteen threads over a real connection, and a vendor that counts: not one 429.

    The vendor's minute and the client's are shortened alike, a thousandfold.
    """
    dataset = synthetic_dataset(["ACME"])
    with FakeFmp(dataset, key=KEY, limit=RateLimit(20, window_s=0.06)) as server:
        given_ = fmp_settings(api_key=KEY, base_url=server.url, calls_per_minute=20)
        fmp = FmpProvider(given_, timer=_fast, sleep=lambda s: threading.Event().wait(s / 1000))
        with fmp, ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: ask(fmp, Request("profile", "ACME")), range(100)))
        assert [a.fault for a in answers] == [None] * 100
        assert {seen.status for seen in server.requests} == {200}
        assert server.most_at_once > 1


def _fast() -> float:
    import time

    return time.monotonic() * 1000


def test_closing_ends_what_waits() -> None:
    """A thread that waits a minute for its place, in real time, is let go when the provider is closed."""
    fmp = FmpProvider(
        fmp_settings(api_key=KEY, calls_per_minute=1), transport=httpx.MockTransport(Script(_BAR))
    )
    assert ask(fmp, _PRICE).fault is None
    answers: list[FetchResult] = []
    waiting = threading.Thread(target=lambda: answers.append(ask(fmp, _PRICE)), daemon=True)
    waiting.start()
    fmp.close()
    waiting.join(timeout=20)
    assert [type(a.fault) for a in answers] == [Unavailable]


def test_a_closed_provider_answers_with_a_fault() -> None:
    """Asked all the same, it says what is wrong; nothing of the HTTP library comes through."""
    script = Script(_BAR)
    fmp = provider(script)
    fmp.close()
    answer = ask(fmp, _PRICE)
    assert isinstance(answer.fault, Unavailable)
    assert "closed" in str(answer.fault)
    assert script.calls == []


def test_the_provider_says_its_limit() -> None:
    """The provider returns its limit, from which a run estimates its duration."""
    fmp = provider(Script(_BAR), calls_per_minute=300)
    assert fmp.calls_per_minute == 300
    assert fmp.answer(Call((_PRICE,)))[0].count == 1
