from __future__ import annotations

import gc
import io
import logging
import pickle
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr, ValidationError
from rich.console import Console
from rich.traceback import Traceback

from factorlab_lake.errors import InvalidInput
from factorlab_lake.providers.fmp import FmpProvider
from factorlab_lake.providers.fmp.client import FmpClient
from factorlab_lake.providers.fmp.settings import FmpSettings, fmp_settings
from factorlab_lake.providers.http_client import HttpRequest
from factorlab_lake.providers.protocol import FetchResult, Request
from tests.fakes.fmp import KINDS, FakeFmp, FaultRule, Faults, synthetic_dataset
from tests.fakes.scripted_fmp import KEY, Script, ask, json_response, provider

_GENERATIONS = ("stable", "v3")


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Return all that any logger says, at the lowest level there is."""
    said, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(said)
    levels = {name: logging.getLogger(name).level for name in ("", "httpx", "httpcore")}
    root.addHandler(handler)
    for name in levels:
        logging.getLogger(name).setLevel(1)
    yield said
    root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def _everything(fault: BaseException | None) -> str:
    """Return all that can be printed of an error: its chain, its frames and their variables."""
    if fault is None:
        return ""
    plain = "".join(traceback.TracebackException.from_exception(fault, capture_locals=True).format())
    console = Console(file=io.StringIO(), width=400)
    console.print(Traceback.from_exception(type(fault), fault, fault.__traceback__, show_locals=True))
    assert isinstance(console.file, io.StringIO)
    return plain + console.file.getvalue() + repr(vars(fault))


@pytest.mark.parametrize("generation", _GENERATIONS)
@pytest.mark.parametrize("kind", [None, *KINDS])
def test_the_key_is_seen_nowhere(logged: io.StringIO, generation: str, kind: str | None) -> None:
    """Over a real connection, with every fault there is: no log line, answer or error has the key."""
    rules = [] if kind is None else [FaultRule(kind)]  # type: ignore[arg-type]  # one of KINDS
    with FakeFmp(
        synthetic_dataset(["ACME"]), key=KEY, faults=Faults(rules=rules), retry_after_s=0, delay_s=0
    ) as server:
        settings = fmp_settings(
            api_key=KEY, base_url=server.url, api_generation=generation, tries=2, retry_wait_s=0
        )
        with FmpProvider(settings) as fmp:
            answer = ask(fmp, Request("income", "ACME", "quarterly"))
            parts = [repr(fmp), repr(settings), str(settings), settings.model_dump_json(), repr(vars(fmp))]
    seen = [logged.getvalue(), repr(answer), str(answer.fault), _everything(answer.fault), *parts]
    assert "send_request_headers" in seen[0]  # httpcore has logged its steps, and httpx what was answered
    assert ("/income-statement" in seen[0]) == (kind != "dropped")
    assert server.requests
    assert not [text for text in seen if KEY in text]


@pytest.mark.parametrize("generation", _GENERATIONS)
def test_no_connection_shows_no_key(logged: io.StringIO, generation: str) -> None:
    """A server that is not there: the errors of httpx below ours held the request with the key."""
    settings = fmp_settings(
        api_key=KEY, base_url="http://127.0.0.1:9", api_generation=generation, tries=2, retry_wait_s=0
    )
    with FmpProvider(settings) as fmp:
        answer = ask(fmp, Request("profile", "ACME"))
    assert answer.fault is not None
    assert (answer.fault.__cause__, answer.fault.__context__) == (None, None)
    assert KEY not in logged.getvalue() + _everything(answer.fault) + repr(answer)


@pytest.mark.parametrize("generation", _GENERATIONS)
def test_an_error_below_shows_no_key_in_its_frames(generation: str) -> None:
    """The key is not in the client's error, its frames or their variables, which some tracebacks print."""
    client = FmpClient(
        fmp_settings(api_key=KEY, base_url="http://127.0.0.1:9", api_generation=generation), None
    )
    with pytest.raises(Exception, match="cannot be reached") as caught:
        client.get(HttpRequest("stable/profile", {"symbol": "ACME"}), "profile of ACME")
    assert KEY not in _everything(caught.value)
    client.close()


@pytest.mark.parametrize("generation", _GENERATIONS)
def test_the_vendor_gets_the_key_where_it_wants_it(generation: str) -> None:
    """Stable takes a header, v3 a parameter; neither is in what the fetch log keeps."""
    script = Script(json_response([{"date": "2020-09-26", "period": "FY"}]))
    answer = ask(provider(script, api_generation=generation), Request("income", "AAPL", "annual"))
    (call,) = script.calls
    sent = call.headers.get("apikey") if generation == "stable" else call.url.params.get("apikey")
    assert sent == KEY
    assert ("apikey" in str(call.url)) == (generation == "v3")
    assert KEY not in answer.parameters + answer.endpoint


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"api_key": f"{KEY} {KEY}"}, "FMP_API_KEY"),
        ({"api_key": f"{KEY}é"}, "FMP_API_KEY"),
        ({"api_key": f"{KEY}/x"}, "FMP_API_KEY"),
        ({"base_url": f"https://{KEY}@example.test"}, "FMP_BASE_URL"),
        ({"base_url": f"https://example.test/?apikey={KEY}"}, "FMP_BASE_URL"),
        ({"base_url": KEY}, "FMP_BASE_URL"),
        ({"api_generation": KEY}, "FMP_API_GENERATION"),
        ({"calls_per_minute": KEY}, "FMP_CALLS_PER_MINUTE"),
        ({"calls_per_minute": 0, "tries": 0}, "FMP_CALLS_PER_MINUTE.*FMP_TRIES"),
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(wrong: dict[str, str], names: str) -> None:
    """Whoever puts the key into the wrong setting does not find it in an error."""
    with pytest.raises(InvalidInput, match=names) as caught:
        fmp_settings(**wrong)
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_the_settings_class_itself_shows_no_key_either() -> None:
    """Whoever makes the settings without the function gets pydantic's error without the value."""
    with pytest.raises(ValidationError) as caught:
        FmpSettings(api_key=SecretStr("x"), base_url=f"https://{KEY}@example.test")
    assert KEY not in str(caught.value)


def test_settings_come_from_the_environment_and_arguments_win(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``FMP_`` and the name; an empty key is none; a ``.env`` file serves too."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(
        "FMP_API_KEY= from-file \nFMP_TRIES=7\nFMP_CACHE_DIR=other\n", encoding="utf-8"
    )
    monkeypatch.setenv("FMP_API_GENERATION", "v3")
    monkeypatch.setenv("FMP_BASE_URL", "http://127.0.0.1:8000/")
    known = fmp_settings(tries=3)
    assert (known.api_generation, known.base_url, known.tries) == ("v3", "http://127.0.0.1:8000", 3)
    assert known.api_key is not None
    assert known.api_key.get_secret_value() == "from-file"
    assert FmpSettings(api_key=None).calls_per_minute == 750


def test_answers_hold_no_payload() -> None:
    """Once read, the bytes of an answer are not kept: a run of many symbols would hold them all."""
    body = b'[{"date": "2020-09-26", "period": "FY", "note": "%s"}]' % (b"x" * 1_000_000)
    with provider(lambda _: httpx.Response(200, content=body)) as fmp:
        answers: list[FetchResult] = [ask(fmp, Request("income", "AAPL", "annual")) for _ in range(3)]
        del answers
        gc.collect()
        held = [o for o in gc.get_objects() if isinstance(o, httpx.Response | httpx.Request)]
        assert [o for o in held if b"x" * 100 in getattr(o, "_content", b"")] == []


def test_each_call_has_a_connection_of_its_own(logged: io.StringIO) -> None:
    """No call reads from the connection of another, whose server may have sent more than its response."""
    with FakeFmp(synthetic_dataset(["ACME"]), key=KEY) as server:
        fmp = FmpProvider(fmp_settings(api_key=KEY, base_url=server.url))
        with fmp, ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: ask(fmp, Request("profile", "ACME")), range(20)))
    assert [a.fault for a in answers] == [None] * 20
    assert logged.getvalue().count("connect_tcp.started") == 20


@pytest.mark.parametrize("key_in", ["environment", "argument", "file"])
def test_an_address_of_a_dotenv_file_gets_no_key_of_another_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key_in: str
) -> None:
    """A downloaded folder could have such a file; with the key in the same file it is the user's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FMP_API_KEY", raising=False)
    monkeypatch.delenv("FMP_BASE_URL", raising=False)
    lines = ["FMP_BASE_URL=http://127.0.0.1:9"] + [f"FMP_API_KEY={KEY}"] * (key_in == "file")
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    values = {"api_key": KEY} if key_in == "argument" else {}
    if key_in == "environment":
        monkeypatch.setenv("FMP_API_KEY", KEY)
    if key_in == "file":
        assert fmp_settings().base_url == "http://127.0.0.1:9"
        return
    with pytest.raises(InvalidInput, match="not of that file") as caught:
        fmp_settings(**values)
    assert KEY not in str(caught.value)
    monkeypatch.setenv("FMP_BASE_URL", "http://127.0.0.1:8")
    assert fmp_settings(**values).base_url == "http://127.0.0.1:8"


def test_pickles_and_dumps_have_no_key() -> None:
    """A copy in another process reads its own key; a copy in this process keeps the settings."""
    settings = fmp_settings(api_key=KEY, calls_per_minute=300)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps(settings, protocol)
        assert KEY.encode() not in data
        assert pickle.loads(data).calls_per_minute == 300
    shown = [
        repr(settings),
        str(settings.model_dump()),
        settings.model_dump_json(),
        repr(settings.model_copy()),
    ]
    assert not [text for text in shown if KEY in text]


def test_a_dotenv_file_that_is_no_text_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the file, whichever settings are read first."""
    monkeypatch.chdir(tmp_path)
    Path(".env").write_bytes(b"FMP_API_KEY=\xff\n")
    with pytest.raises(InvalidInput, match=r"\.env cannot be read: .* Write it as UTF-8"):
        fmp_settings()
