from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from tests.fakes.fmp_client import KEY, rows_of, serving
from tests.support import ROOT, SAMPLE
from tests.unit.cli.running import run, start

_URL = re.compile(r"http://127\.0\.0\.1:\d+")


@contextmanager
def ending(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """End a process with the block, however the block ends."""
    with process:
        try:
            yield process
        finally:
            process.kill()


def demo_server(*arguments: object) -> subprocess.Popen[str]:
    """Start the program's server of the sample in a process of its own."""
    return start("demo", "--server", "--sample", SAMPLE, *arguments)


def fake_process(*arguments: object) -> subprocess.Popen[str]:
    """Start a fake vendor in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.fmp", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def printed(process: subprocess.Popen[str], *, until: str) -> str:
    """Return what a process prints, up to and with the first line that holds ``until``."""
    lines: list[str] = []
    while not lines or until not in lines[-1]:
        lines.append(_stream(process.stdout).readline())
        assert lines[-1], ("it ended", lines, _stream(process.stderr).read())
    return "".join(lines)


def announced(process: subprocess.Popen[str]) -> str:
    """Return the URL that a server prints first."""
    return str(_URL.findall(printed(process, until="http://"))[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_the_demo_serves_the_sample_until_it_is_asked_to_end(number: signal.Signals) -> None:
    """It says what to set, serves the newest sample in both generations, and ends with 0 and no complaint."""
    with ending(demo_server()) as process:
        out = printed(process, until="Ctrl-C")
        url = _URL.findall(out)[0]
        stable = httpx.get(f"{url}/stable/historical-price-eod/full?symbol=AAPL&limit=1", headers=KEY)
        assert (rows_of(stable)[0]["date"], rows_of(stable)[0]["close"]) == ("2021-03-31", 122.15)
        v3 = httpx.get(f"{url}/api/v3/historical-price-full/stock_split/AAPL?apikey=demo")
        assert [(row["date"], row["numerator"]) for row in rows_of(v3)] == [
            ("2020-08-31", 4),
            ("2014-06-09", 7),
        ]
        later = httpx.get(f"{url}/stable/splits?symbol=GOOGL", headers=KEY)
        assert rows_of(later) == [], "the split of 2022 was not known on that day"
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")
        assert f"export FMP_BASE_URL={url} FMP_API_KEY=demo" in out
        assert "factorlab-lake --lake data/fetched fetch AAPL GOOG GOOGL" in out


def test_the_demo_serves_filings_as_sec_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to set for a fetch from SEC, which then works; without a server the option is refused."""
    monkeypatch.chdir(tmp_path)
    with ending(demo_server("--provider", "sec", "--json")) as process:
        document = json.loads(printed(process, until="}\n"))
        for name in ("SEC_BASE_URL", "SEC_FILES_URL"):
            monkeypatch.setenv(name, document["url"])
        monkeypatch.setenv("SEC_USER_AGENT", "Your Name you@example.com")
        report = run("--json", "fetch", "--provider", "sec", *document["symbols"], "--kind", "profiles").json
        assert (document["symbols"], report["new"]["company_profiles"]) == (["AAPL"], 1)
    assert "--server" in run("demo", "--provider", "sec", "--sample", SAMPLE, code=2).err
    assert "fmp or sec" in run("demo", "--server", "--provider", "x", "--sample", SAMPLE, code=2).err


def test_the_demo_server_announces_itself_as_json() -> None:
    """With --json it prints one document, so that a program can start it."""
    with ending(demo_server("--json")) as process:
        document = json.loads(printed(process, until="}\n"))
        assert (document["key"], document["symbols"]) == ("demo", ["AAPL", "GOOG", "GOOGL"])
        assert rows_of(httpx.get(f"{document['url']}/stable/splits?symbol=AAPL", headers=KEY))


def test_a_port_that_is_taken_is_a_known_error() -> None:
    """One line that says which port, and exit code 1."""
    with serving() as (server, _):
        done = run("demo", "--server", "--port", server.port, "--sample", SAMPLE, code=1)
    assert re.match(
        rf"error: Cannot listen on port {server.port} \(.*\); pass another, or 0 for any", done.err
    )
    assert "Traceback" not in done.err


def test_a_port_without_a_server_is_wrong_usage() -> None:
    """The demo itself listens on nothing."""
    assert "--server" in run("demo", "--port", 8000, "--sample", SAMPLE, code=2).err


def test_a_server_process_keeps_its_log_for_others(tmp_path: Path) -> None:
    """Each request is a line in the file by the time it is answered, without the key, also after a kill."""
    log, secret = tmp_path / "requests.jsonl", "s3cr3t-k3y"
    with ending(fake_process("--symbols", 2, "--key", secret, "--log", log, "--fault-rate", 1)) as process:
        url = announced(process)
        statuses = [_status(f"{url}/stable/splits?symbol=M001&apikey={secret}") for _ in range(4)]
        process.kill()
        process.wait(30)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["parameters"] for line in lines] == [{"symbol": "M001"}] * 4
    assert [line["fault"] is None for line in lines] == [False, False, False, True]
    assert statuses[-1] == lines[-1]["status"] == 200
    assert secret not in log.read_text()


def test_a_server_process_takes_its_options() -> None:
    """Companies, cap and limit are those asked for; it ends with 0 when it is asked to."""
    options = ("--symbols", 3, "--row-cap", 7, "--calls-per-minute", 2, "--warm", "price")
    with ending(fake_process(*options, "--today", "2020-12-31")) as process:
        url = announced(process)
        prices = f"{url}/stable/historical-price-eod/full?symbol=M002"
        rows = rows_of(httpx.get(prices, headers=KEY))
        assert (len(rows), rows[0]["date"]) == (7, "2020-12-31")
        assert [httpx.get(prices, headers=KEY).status_code for _ in range(2)] == [200, 429]
        process.terminate()
        _, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")


def _status(url: str) -> int | None:
    try:
        return httpx.get(url).status_code
    except httpx.TransportError:
        return None


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
