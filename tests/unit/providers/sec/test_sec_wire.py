"""What goes to SEC over HTTP and comes back: addresses, errors, limits and the name of the caller."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import (
    BadAnswer,
    EmptyAnswer,
    InvalidInput,
    KeyRefused,
    LimitReached,
    NotServed,
    Unavailable,
)
from factorlab_lake.providers.protocol import Call, FetchResult, Request
from factorlab_lake.providers.sec import SecProvider
from factorlab_lake.providers.sec.documents import HttpDocuments
from factorlab_lake.providers.sec.sample_server import documents_of
from factorlab_lake.providers.sec.settings import sec_settings
from tests.contracts.providers import ProviderContract, Subject
from tests.fakes.scripted_fmp import Time
from tests.fakes.sec_documents import CIK, apple
from tests.fakes.sec_server import AGENT, FAULTS, FakeSec, provider, serving, with_tickers
from tests.support import SAMPLE
from tests.unit.cli.running import run

_PROFILE = Request("profile", "AAPL")
_INCOME = Request("income", "AAPL", "annual")
_SUBMISSIONS, _FACTS = f"submissions/CIK{CIK}.json", f"api/xbrl/companyfacts/CIK{CIK}.json"
_TICKERS = "files/company_tickers.json"


@pytest.fixture
def server() -> Iterator[FakeSec]:
    """Start a server of Apple's documents."""
    with serving(apple()) as fake:
        yield fake


def _ask(sec: SecProvider, request: Request) -> FetchResult:
    (answer,) = sec.answer(Call((request,)))
    return answer


def _with_handler(handler: Any, time: Time, **settings: Any) -> SecProvider:
    values = {"user_agent": AGENT, "retry_wait_s": 0} | settings
    return SecProvider(
        HttpDocuments(
            sec_settings(**values),
            transport=httpx.MockTransport(handler),
            clock=time.clock,
            timer=time.timer,
            sleep=time.sleep,
        )
    )


def _reply(name: str) -> httpx.Response:
    fault = FAULTS[name]
    return httpx.Response(
        fault.status, content=fault.body, headers={"content-type": fault.content_type, **fault.headers}
    )


@pytest.fixture(scope="module")
def over_http() -> Iterator[SecProvider]:
    """Return a provider of a server that lists Apple under two symbols."""
    with FakeSec(with_tickers(apple(), APC=CIK)) as fake, provider(fake, calls_per_second=10) as sec:
        yield sec


class TestContract(ProviderContract):
    """Run the suite of all providers over HTTP."""

    @pytest.fixture
    def subject(self, over_http: SecProvider) -> Subject:
        """Return the provider and what it has."""
        return Subject(over_http, ("AAPL", "APC"), "NONE", (date(2012, 1, 1), date(2026, 1, 1)))


def test_the_sample_is_served_as_sec_serves_it(server: FakeSec) -> None:
    """Gzip, nothing for caches, XML for what does not exist, and a page for callers without a name."""
    answer = httpx.get(f"{server.url}/{_FACTS}", headers={"User-Agent": AGENT})
    assert answer.headers["content-encoding"] == "gzip"
    assert not {"etag", "last-modified"} & set(answer.headers)
    assert answer.json()["entityName"] == "Apple Inc."
    missing = httpx.get(f"{server.url}/submissions/CIK0000000001.json", headers={"User-Agent": AGENT})
    assert (missing.status_code, "NoSuchKey" in missing.text) == (404, True)
    assert httpx.get(f"{server.url}/{_FACTS}").status_code == 403
    assert set(documents_of(SAMPLE / "sec")) == {_FACTS, _SUBMISSIONS, _TICKERS}


def test_each_document_is_requested_once_by_its_address(server: FakeSec) -> None:
    """Several symbols and datasets take one list of symbols and the documents of the company."""
    with provider(server) as sec:
        calls = sec.plan([_PROFILE, _INCOME, Request("profile", "CIK0000320193")])
        answers = [answer for call in calls for answer in sec.answer(call)]
    assert [a.fault for a in answers] == [None] * 3
    pages = [f"submissions/CIK{CIK}-submissions-001.json"]
    assert server.paths == [_TICKERS, _SUBMISSIONS, *pages, _FACTS]


def test_nothing_is_sent_without_the_callers_name(server: FakeSec, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the text to set; it would be the same for every call, so the run ends."""
    monkeypatch.delenv("SEC_USER_AGENT", raising=False)
    with provider(server, user_agent=None) as sec:
        answer = _ask(sec, _PROFILE)
    assert server.calls == []
    assert isinstance(answer.fault, KeyRefused)
    assert answer.fault.fatal
    assert "set SEC_USER_AGENT='Your Name you@example.com'" in (answer.error or "")


@pytest.mark.parametrize(
    "agent", ["python-httpx/0.27", "jane@example.com", "Jane Doe", "Jäne jane@example.com"]
)
def test_a_name_that_sec_refuses_is_refused_before_any_call(agent: str) -> None:
    """SEC wants a name and a mail address; a caller without them is blocked."""
    with pytest.raises(InvalidInput, match=r"^SEC_USER_AGENT: .*Your Name you@example\.com"):
        sec_settings(user_agent=agent)


@pytest.mark.parametrize("agent", ["Jane Doe jane@example.com", "Example Fund Ltd. (admin@fund.example)"])
def test_usual_names_are_accepted(agent: str) -> None:
    """The order and the number of words do not matter."""
    assert sec_settings(user_agent=agent).user_agent == agent


@pytest.mark.parametrize(
    ("fault", "kind", "wait_s"),
    [
        ("limit_429", LimitReached, 600),
        ("limit_403", LimitReached, 600),
        ("limit_named", LimitReached, 30),
        ("html_200", BadAnswer, None),
        ("503", Unavailable, None),
    ],
)
def test_a_fault_that_passes_is_retried(fault: str, kind: type[Exception], wait_s: float | None) -> None:
    """After SEC's wait, or at once, the call is repeated; if the fault stays, it has its type."""
    served = with_tickers(apple())

    def once(request: httpx.Request) -> httpx.Response:
        path = request.url.path.lstrip("/")
        seen.append(path)
        if path == _SUBMISSIONS and seen.count(path) == 1:
            return _reply(fault)
        body = served.get(path)
        return _reply("html_404") if body is None else httpx.Response(200, content=body)

    seen: list[str] = []
    time = Time()
    answer = _ask(_with_handler(once, time, tries=2), Request("profile", f"CIK{CIK}"))
    assert (answer.fault, answer.count) == (None, 1)
    waits = [s for s in time.slept if s >= 30]
    assert waits == ([wait_s] if wait_s else [])
    always = _ask(_with_handler(lambda _: _reply(fault), Time(), tries=2), _PROFILE)
    assert type(always.fault) is kind
    assert getattr(always.fault, "fatal", False) == (kind is LimitReached)


def test_a_block_is_asked_about_twice_and_ends_the_run() -> None:
    """Calls during a block prolong it: after one wait and one more refusal there are no others."""
    calls: list[httpx.Request] = []

    def blocked(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return _reply("limit_403")

    time = Time()
    answer = _ask(_with_handler(blocked, time), _PROFILE)
    assert isinstance(answer.fault, LimitReached)
    assert answer.fault.fatal
    assert (len(calls), sum(time.slept)) == (2, 600)
    assert "ten minutes" in (answer.error or "")


def test_a_cut_document_is_requested_again(server: FakeSec) -> None:
    """JSON that ends in the middle, and the page of a block with status 200, are no data."""
    server.faults = {_FACTS: ["truncated", "html_200"], _SUBMISSIONS: ["503"], _TICKERS: ["truncated"]}
    with provider(server) as sec:
        answer = _ask(sec, _INCOME)
    assert (answer.fault, answer.count) == (None, 24)
    assert server.paths.count(_FACTS) == 3


def test_a_document_that_does_not_exist_is_no_error(server: FakeSec) -> None:
    """404 with SEC's XML is a company without tagged reports; another 404 is a wrong address."""
    server.documents = {p: b for p, b in server.documents.items() if p != _FACTS}
    with provider(server) as sec:
        income, profile = sec.answer(Call((_INCOME, _PROFILE)))
    assert (type(income.fault), profile.count) == (EmptyAnswer, 1)
    server.faults = {_SUBMISSIONS: ["html_404"]}
    with provider(server) as sec:
        answer = _ask(sec, _PROFILE)
    assert isinstance(answer.fault, NotServed)
    assert "Check SEC_BASE_URL" in (answer.error or "")


def test_sixteen_threads_stay_below_the_limit() -> None:
    """The server blocks at more than ten calls in a second; at eight a second nothing is refused."""
    with serving(apple(), calls_per_second=10) as server, provider(server, calls_at_once=16) as sec:
        paths = [f"submissions/CIK{number:010d}.json" for number in range(1, 30)]
        with ThreadPoolExecutor(16) as pool:
            documents = list(pool.map(lambda p: sec._documents.get(p, bytes), paths))
    assert documents == [None] * 29
    assert set(server.statuses) == {404}
    moments = sorted(moment for moment, _ in server.calls)
    assert min(b - a for a, b in zip(moments, moments[8:], strict=False)) >= 1


def test_the_command_fetches_from_sec(
    server: FakeSec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`fetch --provider sec` merges statements, share counts and the profile; repeated, nothing is due."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"USER_AGENT": AGENT, "BASE_URL": server.url, "FILES_URL": server.url}.items():
        monkeypatch.setenv(f"SEC_{name}", value)
    report = run("--json", "fetch", "--provider", "sec", "AAPL", "CIK0000320193").json
    assert report["clean"]
    assert report["new"]["income_statements"] == 2 * 124
    assert report["new"]["shares_outstanding"] == 2 * 136
    assert server.paths.count(_FACTS) == 1
    lake = fl.open("data/lake", create=False)
    assert lake.held_symbols() == ["AAPL", "CIK0000320193"]
    assert lake.quarters("AAPL")["revenue"].count() == 71
    calls = len(server.calls)
    assert run("--json", "fetch", "--provider", "sec", "AAPL").json["requests"] == 0
    assert len(server.calls) == calls


def test_without_a_name_the_command_says_what_to_set(
    server: FakeSec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line with the setting; nothing is sent."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEC_USER_AGENT", raising=False)
    monkeypatch.setenv("SEC_BASE_URL", server.url)
    done = run("fetch", "--provider", "sec", "AAPL", code=1)
    assert "SEC_USER_AGENT" in done.err + done.out
    assert server.calls == []
