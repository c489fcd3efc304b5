from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count, product
from threading import Barrier
from typing import Any

import httpx
import pytest

from factorlab_lake.errors import InvalidInput
from tests.fakes.fmp import (
    KINDS,
    PASSING,
    FakeFmp,
    FaultRule,
    Faults,
    Kind,
    RateLimit,
    synthetic_dataset,
)
from tests.fakes.fmp_client import rows_of, serving
from tests.support import ROOT

RECORDED = ROOT / "tests" / "data" / "fmp_errors"
PATH = "/stable/income-statement?symbol=M000&period=quarter"
JSON = "application/json; charset=utf-8"

# Status, type and a word of the body for each fault that is a response.
ANSWERS: dict[Kind, tuple[int, str, str]] = {
    "429": (429, JSON, "Limit Reach"),
    "429_retry_after": (429, JSON, "Limit Reach"),
    "500": (500, "text/plain; charset=utf-8", "Internal"),
    "502_html": (502, "text/html", "<html>"),
    "503": (503, "text/plain; charset=utf-8", "Unavailable"),
    "html_200": (200, "text/html", "<html>"),
    "error_200": (200, JSON, '{"Error Message": '),
    "401": (401, JSON, "Invalid API KEY"),
    "402": (402, JSON, "Premium Query Parameter"),
    "403_exclusive": (403, JSON, "Exclusive Endpoint"),
    "403_legacy": (403, JSON, "Legacy Endpoint"),
}
BODIES = {
    "401": "401_invalid_key.json",
    "402": "402_premium_query_parameter.txt",
    "403_exclusive": "403_exclusive_endpoint.json",
    "403_legacy": "403_legacy_endpoint.json",
    "429": "429_limit_reach.json",
}


def once(kind: Kind) -> Faults:
    """Return a plan in which only the first request fails."""
    return Faults(rules=[FaultRule(kind, times=1)])


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_fault_that_is_an_answer_leaves_the_connection_in_use(kind: Kind) -> None:
    """It has its status, type and words; the next request succeeds on the same connection."""
    with serving(faults=once(kind)) as (server, client):
        failed, good = (_asked_in_detail(client) for _ in range(2))
        status, content_type, word = ANSWERS[kind]
        assert (failed[0].status_code, failed[0].headers["content-type"]) == (status, content_type)
        assert word in failed[0].text
        assert rows_of(good[0])
        assert failed[1] == good[1], "another connection was opened"
        assert server.fault_counts == {kind: 1}


@pytest.mark.parametrize("kind", BODIES)
def test_errors_have_the_bodies_that_were_recorded(kind: Kind) -> None:
    """JSON bodies have equal content, and the plain text has every character."""
    with serving(faults=once(kind)) as (_, client):
        text, recorded = client.get(PATH).text, (RECORDED / BODIES[kind]).read_text()
        same = text == recorded.strip() if kind == "402" else json.loads(text) == json.loads(recorded)
        assert same, text


def test_only_one_of_the_refusals_says_how_long_to_wait() -> None:
    """Retry-After is in seconds, and only the kind 429_retry_after has it."""
    with serving(faults=once("429_retry_after"), retry_after_s=0.25) as (_, client):
        assert client.get(PATH).headers["retry-after"] == "0.25"
    with serving(faults=once("429")) as (_, client):
        assert "retry-after" not in client.get(PATH).headers


@pytest.mark.parametrize(
    ("kind", "expected", "words"),
    [
        ("dropped", httpx.RemoteProtocolError, "disconnected without sending a response"),
        ("truncated", httpx.RemoteProtocolError, "without sending complete message body"),
        ("dropped_inside", httpx.ReadError, "reset"),
    ],
)
def test_broken_connections_break_on_the_wire(kind: Kind, expected: type[Exception], words: str) -> None:
    """The client gets a transport error, and its next request succeeds on a new connection."""
    with serving(faults=once(kind)) as (server, client):
        with pytest.raises(expected, match=words):
            client.get(PATH)
        assert rows_of(client.get(PATH))
        assert server.fault_counts == {kind: 1}


@pytest.mark.parametrize("path", [PATH, "/stable/splits?symbol=M000", "/api/v3/historical-price-full/M000"])
def test_cut_json_is_whole_to_the_transport_and_no_json(path: str) -> None:
    """Content-Length is that of the part, so only the JSON decoder can detect the cut."""
    with serving(faults=once("cut_json")) as (_, client):
        cut, whole = client.get(path).content, client.get(path).content
        assert whole.startswith(cut)
        assert cut != whole
        with pytest.raises(json.JSONDecodeError):
            json.loads(cut)


def test_cut_csv_ends_inside_a_cell() -> None:
    """Every cut of CSV is inside a cell: a cut after a row would look like a complete file."""
    with serving(faults=Faults(rules=[FaultRule("cut_json")])) as (_, client):
        for year, quarter, statement in product((2019, 2020), (1, 2, 3, 4), ("income", "cash-flow")):
            cut = client.get(f"/stable/{statement}-statement-bulk?year={year}&period=Q{quarter}").text
            assert cut.splitlines()[-1].count('"') % 2 == 1


def test_slow_answers_take_the_delay_and_latency_is_added_to_all() -> None:
    """The server sleeps for the delay plus the latency, with the sleep function of the test."""
    slept: list[float] = []
    with serving(faults=once("slow"), delay_s=3.5, latency_s=0.25, sleep=slept.append) as (_, client):
        assert rows_of(client.get(PATH)) == rows_of(client.get(PATH))
        assert slept == [3.75, 0.25]


def test_duplicates_repeat_a_row() -> None:
    """The newest row comes twice, the others once."""
    with serving(faults=once("duplicates")) as (_, client):
        twice, once_each = rows_of(client.get(PATH)), rows_of(client.get(PATH))
        assert twice == [once_each[0], *once_each]


@pytest.mark.parametrize("path", [PATH, "/api/v3/historical-price-full/M000"])
def test_csv_may_come_where_json_was_asked(path: str) -> None:
    """It starts with a byte order mark and has the same rows as the JSON."""
    with serving(faults=once("bom_csv")) as (_, client):
        text, rows = client.get(path).content, rows_of(client.get(path))
        assert text.startswith(b"\xef\xbb\xbf")
        assert len(text.splitlines()) == 1 + len(rows)


def test_capped_rows_are_reached_by_paging_back() -> None:
    """A response has the newest rows of the range, and requests for earlier rows return the rest."""
    with serving(row_cap=100) as (_, client):
        path = "/stable/historical-price-eod/full?symbol=M000&from=2019-06-03"
        rows_so_far: list[dict[str, Any]] = []
        while page := rows_of(client.get(f"{path}&to={_day_before(rows_so_far)}")):
            assert len(page) <= 100
            rows_so_far += page
    with serving() as (_, client):
        assert rows_so_far == rows_of(client.get(path))


def _day_before(rows: list[dict[str, Any]]) -> str:
    """Return a date before the oldest row: the text with its last character decremented."""
    if not rows:
        return "9999"
    day = rows[-1]["date"]
    return f"{day[:-1]}{chr(ord(day[-1]) - 1)}"


def test_rules_are_for_a_symbol_and_a_path() -> None:
    """Each rule refuses its symbol or path every time; other symbols and paths succeed."""
    rules = [
        FaultRule("402", symbol="M001"),
        FaultRule("403_exclusive", path="non-split-adjusted"),
        FaultRule("403_legacy", path="/api/v3/"),
        FaultRule("row_cap", path="/income-statement", rows=2),
    ]
    with serving(faults=Faults(rules=rules)) as (_, client):
        prices = "/stable/historical-price-eod"
        statuses = {
            "/stable/profile?symbol=M001": 402,
            f"{prices}/full?symbol=M001": 402,
            f"{prices}/non-split-adjusted?symbol=M000": 403,
            "/api/v3/profile/M000": 403,
            f"{prices}/full?symbol=M000": 200,
        }
        assert {path: client.get(path).status_code for path in statuses for _ in range(3)} == statuses
        assert len(rows_of(client.get(PATH))) == 2


def test_rules_may_skip_and_end() -> None:
    """A rule with skip and times fails the second and third request only."""
    with serving(faults=Faults(rules=[FaultRule("500", skip=1, times=2)])) as (_, client):
        assert [client.get(PATH).status_code for _ in range(5)] == [200, 500, 500, 200, 200]


def test_chance_is_the_same_for_a_seed_whatever_the_order() -> None:
    """Plans of one seed draw equal faults for equal requests in any order; another seed does not."""
    questions = [f"symbol=M{i}" for i in range(300)] * 2

    def dealt(order: list[str], seed: int) -> Counter[tuple[str, str]]:
        plan = Faults(rate=0.2, seed=seed)
        return Counter((q, rule.kind) for q in order if (rule := plan.draw("/stable/splits", (), q)))

    assert dealt(questions, 7) == dealt(questions[::-1], 7) != dealt(questions, 8)


def test_chance_deals_every_passing_kind_at_its_rate() -> None:
    """A fifth of many responses are faults, all of temporary kinds."""
    plan = Faults(rate=0.2, seed=3)
    dealt = [plan.draw("/stable/splits", (), f"symbol=M{i}") for i in range(3000)]
    kinds = Counter(rule.kind for rule in dealt if rule)
    assert set(kinds) == set(PASSING)
    assert 500 < kinds.total() < 700


def test_no_question_fails_for_ever() -> None:
    """After three faults in a row a request succeeds, even at a rate of 1."""
    plan = Faults(rate=1.0)
    assert [plan.draw("/stable/splits", (), "symbol=M000") is None for _ in range(8)] == [
        False, False, False, True, False, False, False, True,
    ]  # fmt: skip


def test_a_fault_that_does_not_exist_is_refused() -> None:
    """A misspelt kind raises: it would never occur, and its test would pass."""
    with pytest.raises(InvalidInput, match=f"'404'; the kinds are {KINDS[0]}"):
        FaultRule("404")  # type: ignore[arg-type]  # the mistake that is meant
    with pytest.raises(InvalidInput, match="'tea'"):
        Faults(kinds=("tea",))  # type: ignore[arg-type]  # the mistake that is meant


def test_calls_beyond_the_limit_are_refused_until_the_window_has_passed() -> None:
    """With three calls in any ten seconds, the fourth is refused with Retry-After and succeeds afterwards."""
    now = [100.0]
    with serving(limit=RateLimit(3, window_s=10), clock=lambda: now[0]) as (server, client):
        statuses = []
        for at in (100.0, 104.0, 104.0, 107.5, 110.0, 110.0):
            now[0] = at
            answer = client.get(PATH)
            statuses.append((answer.status_code, answer.headers.get("retry-after")))
        assert statuses == [(200, None)] * 3 + [(429, "3"), (200, None), (429, "5")]
        assert server.fault_counts == {"limit": 2}


def test_sixteen_threads_are_answered_at_once_and_rightly() -> None:
    """No response waits for another, and every thread gets its own, although a fifth fail at first."""
    symbols = [f"M{i:03d}" for i in range(40)]
    arrived, all_here = count(), Barrier(16)

    def wait_for_all(_: float) -> None:
        if next(arrived) < all_here.parties:
            all_here.wait(30)

    plan = Faults(rate=0.2, seed=5)
    with (
        serving(synthetic_dataset(symbols), faults=plan, sleep=wait_for_all) as (server, client),
        ThreadPoolExecutor(16) as pool,
    ):
        responses = list(pool.map(lambda symbol: _until_good(client, symbol), symbols))
        assert [{row["symbol"] for row in rows} for rows in responses] == [{symbol} for symbol in symbols]
        assert len(server.requests) == len(symbols) + server.fault_counts.total() - _twice(server)
        assert server.most_at_once >= 16


def _twice(server: FakeFmp) -> int:
    """Return the number of faults that were valid responses."""
    return server.fault_counts["duplicates"] + server.fault_counts["slow"]


def test_a_server_that_ends_closes_its_connections() -> None:
    """The end closes kept-alive connections and frees the port."""
    with serving() as (server, client):
        assert client.get(PATH).status_code == 200
        server.__exit__(None)
        with pytest.raises(httpx.TransportError):
            client.get(PATH)
        with serving(port=server.port) as (again, _):
            assert again.url == server.url


def _until_good(client: httpx.Client, symbol: str) -> list[dict[str, Any]]:
    """Repeat a request until it returns a list of records; duplicates are valid."""
    for _ in range(10):
        try:
            data = client.get(f"/stable/income-statement?symbol={symbol}&period=quarter", timeout=60).json()
        except (httpx.TransportError, ValueError):
            continue
        if isinstance(data, list):
            return data
    raise AssertionError(symbol)


def _asked_in_detail(client: httpx.Client) -> tuple[httpx.Response, Any]:
    """Return a response and the client's address of its connection."""
    with client.stream("GET", PATH) as answer:
        answer.read()
        return answer, answer.extensions["network_stream"].get_extra_info("client_addr")
