"""Test `fetch --provider sec` with a server on loopback: Apple by its number, and SEC's errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.providers.sec.endpoints import TICKERS_PATH
from factorlab_lake.settings.models import settings
from tests.fakes.sec_documents import apple, copies
from tests.fakes.sec_server import AGENT, FakeSec, serving
from tests.unit.cli.running import run

_FETCH = ("fetch", "--provider", "sec", "--kind", "statements", "--kind", "shares")
_SUBMISSIONS = "submissions/CIK0000000001.json"
_FACTS = "api/xbrl/companyfacts/CIK0000000001.json"
_TABLES = ("income_statements", "balance_sheets", "cash_flows", "shares_outstanding")
# What differs between two fetches of the same documents, beside the symbol.
_OF_THE_FETCH = ["symbol", "fetch_id", "fetched_at", "recorded_at"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty working directory, without waits between tries."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("SEC_USER_AGENT", AGENT), ("SEC_RETRY_WAIT_S", "0"), ("SEC_BLOCKED_WAIT_S", "0")):
        monkeypatch.setenv(name, value)
    return tmp_path


@contextmanager
def _sec(patch: pytest.MonkeyPatch, documents: Mapping[str, bytes]) -> Iterator[FakeSec]:
    with serving(documents) as server:
        for name in ("SEC_BASE_URL", "SEC_FILES_URL"):
            patch.setenv(name, server.url)
        settings.cache_clear()
        yield server


def _rows(place: str, table: str) -> pl.DataFrame:
    rows = fl.open(place, create=False).sql(f"FROM {table}")
    return rows.drop(_OF_THE_FETCH).sort(pl.all())


def test_apple_by_its_number_has_the_rows_of_its_symbol(monkeypatch: pytest.MonkeyPatch) -> None:
    """All filings of Apple: 279 statements with their versions, and 136 counts, whichever name is asked."""
    with _sec(monkeypatch, apple()):
        for name in ("AAPL", "CIK0000320193"):
            run("--lake", name, *_FETCH, name)
    for table in _TABLES:
        assert _rows("AAPL", table).equals(_rows("CIK0000320193", table)), table
    lake = fl.open("CIK0000320193", create=False)
    assert lake.held_symbols() == ["CIK0000320193"]
    assert set(lake.sql("SELECT cik FROM financial_statements")["cik"]) == {"0000320193"}
    assert [lake.sql(f"SELECT count(*) FROM {t}").item() for t in _TABLES] == [124, 73, 82, 136]


def test_a_number_without_filings_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the number."""
    with _sec(monkeypatch, apple()):
        assert "CIK0000000009" in run(*_FETCH, "CIK0000000009", code=1).err


# The fault of a document (a name of the fake server's, or a body), and what the message says.
_FAULTS: dict[str, tuple[str, str | bytes, str]] = {
    "429": (_FACTS, "limit_429", "run the same command again in ten minutes. (429"),
    "403 of the limit": (_FACTS, "limit_403", "Lower SEC_CALLS_PER_SECOND, and run the same command"),
    "500": (_FACTS, "503", "SEC's server has a fault. Run the same command again later. (503"),
    "a page instead of data": (_FACTS, "html_200", "HTML or XML instead of JSON. Run the command again"),
    "truncated facts": (_FACTS, "truncated", "not JSON, or cut short"),
    "truncated submissions": (_SUBMISSIONS, "truncated", "not JSON, or cut short"),
    "an empty body": (_FACTS, b"", "not JSON, or cut short"),
    "another server": (_FACTS, "html_404", "SEC does not serve this. Check SEC_BASE_URL. (404"),
    "empty facts": (_FACTS, b'{"cik": 1, "facts": {}}', "no reports with tagged figures of this kind"),
    "facts of no company": (_FACTS, b"{}", "is no Central Index Key"),
    "a list": (_FACTS, b"[]", "list instead of an object"),
    "404 of the company": (_SUBMISSIONS, "404", "pass it, such as CIK0000320193"),
    "404 of the facts": (_FACTS, "404", "no reports with tagged figures of this kind"),
    "a list of symbols that is cut short": (TICKERS_PATH, "truncated", "SEC's list of symbols"),
}


@pytest.mark.parametrize("case", _FAULTS)
def test_an_error_of_sec_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """The program ends with code 1 and says what SEC sent and what to do; no row is stored."""
    path, fault, text = _FAULTS[case]
    documents = dict(copies([1, 2], filings_each=1))
    if fault == "404":
        del documents[path]
    elif isinstance(fault, bytes):
        documents[path] = fault
    with _sec(monkeypatch, documents) as server:
        if isinstance(fault, str) and fault != "404":
            server.faults[path] = [fault] * 50
        done = run(*_FETCH, "C1", code=1)
    assert text in done.err + done.out
    assert "Traceback" not in done.err
    if path != TICKERS_PATH:  # the share counts of a company need no list
        assert done.err.count("\n") == 1
        assert not Path("data/lake").exists() or fl.open("data/lake").held_symbols() == []


@pytest.mark.parametrize("agent", ["", "Jane Doe"])
def test_without_a_mail_address_nothing_is_sent(monkeypatch: pytest.MonkeyPatch, agent: str) -> None:
    """SEC answers 403 to callers without one, so the program asks for the setting first."""
    monkeypatch.setenv("SEC_USER_AGENT", agent)
    with _sec(monkeypatch, dict(copies([1], filings_each=1))) as server:
        assert "set SEC_USER_AGENT='Your Name you@example.com'" in run(*_FETCH, "C1", code=1).err
    assert server.calls == []
