"""Test that a hostile server costs a typed error of its symbol, and neither the run nor the key."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest

import factorlab_lake as fl
from benchmarks.process import peak_mb
from factorlab_lake.errors import FetchFailed
from factorlab_lake.providers.fmp import FmpProvider
from factorlab_lake.providers.fmp.settings import FmpSettings, fmp_settings
from factorlab_lake.providers.protocol import Call, FetchResult, Request
from tests.fakes.hostile_server import BEHAVIOURS, KEY, HostileServer

_GOOD = ["GOODA", "GOODB", "GOODC"]
_HOSTILE = [*BEHAVIOURS, "RESET", "CLOSED"]
_LONGEST_S, _LATE_S = 2.0, 30.0  # on a busy machine, a sound response takes a second too
_MEGABYTES = 500


def _settings(url: str, **more: Any) -> FmpSettings:
    values = {"api_key": KEY, "base_url": url, "tries": 1, "retry_wait_s": 0, "timeout_s": 0.4}
    return fmp_settings(**values | {"longest_call_s": _LONGEST_S, "calls_per_minute": 100_000} | more)


class _Timed(FmpProvider):
    """Note the longest call, and the symbols without records and without a typed error."""

    longest_s = 0.0
    untyped: ClassVar[list[str]] = []

    def answer(self, call: Call) -> list[FetchResult]:
        """Make a call and time it."""
        started = time.monotonic()
        results = super().answer(call)
        self.longest_s = max(self.longest_s, time.monotonic() - started)
        self.untyped.extend(
            r.symbol for r in results if (r.records is None) != isinstance(r.fault, FetchFailed)
        )
        return results


def _run(folder: Path) -> dict[str, Any]:
    """Fetch every behaviour and the good symbols between them, with all log lines; return the figures."""
    said, root = io.StringIO(), logging.getLogger()
    root.addHandler(logging.StreamHandler(said))
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    with HostileServer() as server, _Timed(_settings(server.url, calls_at_once=16)) as fmp:
        lake, started = fl.open(folder), time.perf_counter()
        symbols = [_GOOD[0], *_HOSTILE[:30], _GOOD[1], *_HOSTILE[30:], _GOOD[2]]
        report = lake.fetch(fmp, symbols, kinds=["prices"])
        seconds = time.perf_counter() - started
        landed = lake.sql("SELECT symbol, max(close_price) AS close FROM price_data GROUP BY 1").rows()
        log = lake.sql("SELECT * FROM data_fetch_log").rows()
    return {
        "seconds": seconds,
        "longest_s": fmp.longest_s,
        "untyped": fmp.untyped,
        "megabytes": peak_mb(),
        "landed": dict(landed),
        "logged": len(log),
        "log_lines": said.getvalue().count("\n"),
        "with_key": [t[:300] for t in [*said.getvalue().splitlines(), *map(str, log)] if _has_key(t)],
        "stopped": report.stopped,
    }


def _has_key(text: str) -> bool:
    return KEY[1:] in text


def test_a_run_survives_all_behaviours(tmp_path: Path) -> None:
    """The other symbols land, each failure is in the fetch log, memory is bounded and no line has the key."""
    code = "import json, sys, pathlib; from tests.unit.providers.test_hostile_server import _run"
    run = f"{code}; print(json.dumps(_run(pathlib.Path(sys.argv[1]))))"
    command = [sys.executable, "-c", run, str(tmp_path / "lake")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    print({name: value for name, value in figures.items() if name != "landed"})  # noqa: T201 - its figures
    assert {symbol: figures["landed"].get(symbol) for symbol in _GOOD} == dict.fromkeys(_GOOD, 101.0)
    assert figures["landed"].get("OTHERSYMBOL") is None
    assert figures["logged"] == len(_GOOD) + len(_HOSTILE)
    assert figures["longest_s"] < _LATE_S
    assert figures["untyped"] == []
    assert figures["with_key"] == []
    assert figures["log_lines"] > len(_HOSTILE)
    assert not figures["stopped"]
    assert figures["megabytes"] <= _MEGABYTES


@pytest.mark.parametrize("symbol", ["GZIPBOMB", "DEEP400", "DEEPBEHINDTEXT", "COLUMNS", "SPARSE", "DRIPBODY"])
def test_what_is_beyond_a_bound_is_requested_once(symbol: str) -> None:
    """The second response would be as the first, so a bound is no reason for another attempt."""
    longest_s = _LONGEST_S if symbol == "DRIPBODY" else 20
    more = {"tries": 3, "timeout_s": 20, "longest_call_s": longest_s}
    with HostileServer() as server, FmpProvider(_settings(server.url, **more)) as fmp:
        (result,) = fmp.answer(Call((Request("price", symbol),)))
    assert result.api_calls == 1
    assert result.fault is not None
    assert not result.fault.retryable


def test_a_second_response_answers_no_later_request() -> None:
    """Bytes after a response are dropped: they would be the bars of the next symbol."""
    with HostileServer() as server, FmpProvider(_settings(server.url)) as fmp:
        for _ in range(2):
            fmp.answer(Call((Request("price", "SECOND"),)))
            time.sleep(0.01)
            (result,) = fmp.answer(Call((Request("price", "GOODA"),)))
            assert result.records is not None
            assert result.records["close"].to_list() == [100.0, 101.0]


@pytest.mark.parametrize("symbol", ["KEYHEADER", "KEYBODY", "KEYLOCATION", "TOANOTHER"])
def test_a_key_that_the_server_repeats_is_in_no_log_line(
    caplog: pytest.LogCaptureFixture, symbol: str
) -> None:
    """At its lowest level httpcore logs the headers of a response, and they may have the key."""
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, name)
    with HostileServer() as server, FmpProvider(_settings(server.url)) as fmp:
        (result,) = fmp.answer(Call((Request("price", symbol),)))
    assert "receive_response_headers.complete" in caplog.text
    assert not _has_key(f"{caplog.text} {result.error} {result.fault!r}")
