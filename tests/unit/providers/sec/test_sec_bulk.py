"""A run over SEC's archives of all companies: what it keeps in memory, requests, and has after a kill."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.ingest import run as fetch_run
from factorlab_lake.providers.protocol import Call, FetchResult, Request
from factorlab_lake.providers.sec import SecProvider
from factorlab_lake.providers.sec.endpoints import ARCHIVE_PATHS, TICKERS_PATH
from tests.fakes.sec_documents import SecDocuments, copies, zipped
from tests.fakes.sec_server import FakeSec, provider, with_tickers
from tests.support import ROOT, assert_keys_unique, assert_same_content, content

_COMPANIES = range(1, 4)
_SYMBOLS = [f"C{number}" for number in _COMPANIES]
_KINDS = ["statements", "shares", "profiles"]
_OF_THE_FETCH = ("fetch_id", "fetched_at", "fetch_date")  # two runs are at two times
_ROWS_OF_SYMBOLS = "SELECT symbol, count(*) AS n FROM income_statements GROUP BY symbol HAVING n > 5"
_AGAIN = fl.FetchPolicy(polling_days=0, restatement_days=0)

# Fetches in batches of one company, and slowly enough to be killed between two of them.
_FETCH = """
import sys, time
import factorlab_lake as fl
from factorlab_lake.ingest import run
from tests.fakes.sec_server import FakeSec, provider

run._BATCH_ANSWERS = 1
with provider(FakeSec({}, port=int(sys.argv[2])), bulk_from=1) as sec:
    answer = sec.answer
    sec.answer = lambda call: (time.sleep(float(sys.argv[3])), answer(call))[1]
    kinds = ["statements", "shares", "profiles"]
    report = fl.open(sys.argv[1]).fetch(sec, sys.argv[4].split(","), kinds=kinds)
sys.exit(0 if report.clean else 3)
"""


@pytest.fixture(scope="module")
def documents() -> dict[str, bytes]:
    """Return the archives of some companies, and their submissions."""
    single = dict(copies(_COMPANIES, filings_each=3))
    archives = {}
    for folder, path in ARCHIVE_PATHS.items():
        file = io.BytesIO()
        zipped(single.items(), folder, file)
        archives[path] = file.getvalue()
    return {**with_tickers({p: b for p, b in single.items() if p.startswith("submissions/")}), **archives}


def _started(lake: Path, server: FakeSec, wait_s: float) -> subprocess.Popen[bytes]:
    arguments = [str(lake), str(server.url.rpartition(":")[2]), str(wait_s), ",".join(_SYMBOLS)]
    return subprocess.Popen([sys.executable, "-c", _FETCH, *arguments], cwd=ROOT)


def _logged(path: Path) -> int:
    if not (path / "_lake").exists():
        return 0
    return int(fl.open(path).sql("SELECT count(DISTINCT symbol) AS n FROM data_fetch_log")["n"][0])


def test_an_interrupted_run_over_archives_continues(
    documents: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Ctrl-C the next run reads the other companies alone, and no row of the first is there twice."""
    lake = fl.open(tmp_path / "lake")
    with FakeSec(documents) as server, provider(server, bulk_from=1) as sec:
        with monkeypatch.context() as patched:
            patched.setattr(fetch_run, "_BATCH_ANSWERS", 1)
            patched.setattr(sec, "answer", _interrupted_at(_SYMBOLS[-1], sec.answer))
            with pytest.raises(KeyboardInterrupt):
                lake.fetch(sec, _SYMBOLS, kinds=["shares"])
        before = _logged(lake.path)
        assert 0 < before < len(_SYMBOLS)
        report = lake.fetch(sec, _SYMBOLS, kinds=["shares"])
    assert (report.clean, report.calls_planned) == (True, len(_SYMBOLS) - before)
    assert set(lake.sql("SELECT symbol FROM shares_outstanding")["symbol"]) == set(_SYMBOLS)
    assert_keys_unique(lake)


def _interrupted_at(
    symbol: str, answer: Callable[[Call], list[FetchResult]]
) -> Callable[[Call], list[FetchResult]]:
    def interrupted(call: Call) -> list[FetchResult]:
        if call.requests[0].symbol == symbol:
            raise KeyboardInterrupt
        return answer(call)

    return interrupted


@pytest.mark.slow
def test_a_killed_run_over_archives_continues(documents: dict[str, bytes], tmp_path: Path) -> None:
    """After a kill the next run reads the other companies, and the lake equals one without a kill."""
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    fl.open(killed)
    with FakeSec(documents) as server:
        run = _started(killed, server, 0.5)
        while not _logged(killed):
            assert run.poll() is None, "the run ended before its kill"
            time.sleep(0.05)
        os.kill(run.pid, signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
        before = _logged(killed)
        assert 0 < before < len(_SYMBOLS)
        with provider(server, bulk_from=1) as sec:
            report = fl.open(killed).fetch(sec, _SYMBOLS, kinds=_KINDS)
            assert report.clean
            assert report.calls_planned == len(_SYMBOLS) - before
            assert fl.open(whole).fetch(sec, _SYMBOLS, kinds=_KINDS).clean
    assert_same_content(content(fl.open(killed)), content(fl.open(whole)), but=_OF_THE_FETCH)
    assert {symbol for symbol, _ in fl.open(killed).sql(_ROWS_OF_SYMBOLS).rows()} == set(_SYMBOLS)
    assert_keys_unique(fl.open(killed))
    assert fl.open(killed).verify(deep=True).clean


def test_a_second_run_requests_only_submissions(documents: dict[str, bytes], tmp_path: Path) -> None:
    """Each company takes one small document, and neither facts nor an archive."""
    lake = fl.open(tmp_path / "lake")
    with FakeSec(documents) as server, provider(server, bulk_from=1) as sec:
        assert lake.fetch(sec, _SYMBOLS, kinds=["statements"]).clean
        server.calls.clear()
        report = lake.fetch(sec, _SYMBOLS, kinds=["statements"], policy=_AGAIN)
        assert {reason for *_, reason in report.short} == {"no new report"}
        paths = [path for path in server.paths if path != TICKERS_PATH]
    assert sorted(paths) == [f"submissions/CIK{number:010d}.json" for number in _COMPANIES]


def test_a_company_leaves_the_memory_with_its_last_symbol() -> None:
    """Two symbols of one company read its documents once, and nothing of it stays after the second."""
    single = dict(copies([1, 2], filings_each=1))
    fake = SecDocuments(single, A="0000000001", B="0000000001", C="0000000002")
    sec = SecProvider(fake)
    held = []
    for call in sec.plan([Request("shares", symbol) for symbol in ("A", "C", "B")]):
        assert [result.fault for result in sec.answer(call)] == [None]
        held.append(sorted(sec._slots))
    assert held == [["0000000001"], ["0000000001"], []]
    assert len(fake.paths) == len(single)
