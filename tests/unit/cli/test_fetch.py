"""Test the command `fetch` with a fake vendor on loopback."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

import factorlab_lake as fl
from tests.fakes.fmp import FakeFmp, FaultRule, Faults, synthetic_dataset
from tests.unit.cli.running import run, start

KEY = "k3y-that-nobody-may-see"


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeFmp]:
    """Start a vendor of three companies and set it up in the environment, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    with FakeFmp(synthetic_dataset(["AAA", "BBB", "CCC"], start=date(2021, 1, 1)), key=KEY) as server:
        monkeypatch.setenv("FMP_BASE_URL", server.url)
        monkeypatch.setenv("FMP_API_KEY", KEY)
        monkeypatch.setenv("FMP_RETRY_WAIT_S", "0")
        yield server


def test_a_fetch_stores_the_requested_symbols(vendor: FakeFmp) -> None:
    """A lake is created with the rows, and the report counts requests and records."""
    report = run("--json", "fetch", "AAA", "BBB").json
    assert (report["requests"], report["calls"], report["clean"]) == (21, len(vendor.requests), True)
    assert report["new"]["company_profiles"] == 2
    assert fl.open("data/lake").held_symbols() == ["AAA", "BBB"]
    lines = run("fetch", "AAA", "BBB").out.splitlines()
    assert lines[0] == "sent      0 requests for 2 symbols, 0 calls"
    assert lines[2] == "new       nothing"


def test_symbols_come_from_a_file_and_from_the_lake(vendor: FakeFmp, tmp_path: Path) -> None:
    """A file has one symbol per line, with comments; `--universe held` selects the symbols in the lake."""
    (tmp_path / "symbols.txt").write_text("\ufeff# mine\nAAA\n\n  BBB  # the second\n", encoding="utf-8")
    assert run("--json", "fetch", "--file", "symbols.txt", "--kind", "prices").json["symbols"] == 2
    held = run("--json", "fetch", "--universe", "held", "--kind", "dividends").json
    assert (held["symbols"], held["requests"]) == (2, 2)


def test_a_dry_run_counts_calls_and_makes_none(vendor: FakeFmp) -> None:
    """A dry run prints the number of calls and their duration, and creates no lake."""
    lines = run("fetch", "AAA", "BBB", "CCC", "--dry-run").out.splitlines()
    assert lines[0] == "due       31 requests for 3 symbols"
    assert lines[1] == "calls     at least 31, 2.5 s by the provider's limit"
    assert vendor.requests == []
    assert not Path("data/lake").exists()


def test_a_failed_request_is_exit_code_1_and_the_others_are_stored(vendor: FakeFmp) -> None:
    """The failed request is named with its reason."""
    vendor.faults = Faults([FaultRule("402", symbol="BBB")])
    done = run("fetch", "AAA", "BBB", "--kind", "prices", code=1)
    assert "failed    BBB price: " in done.out
    assert "plan" in done.out
    assert fl.open("data/lake").held_symbols() == ["AAA"]


@pytest.mark.parametrize(
    ("key", "reason"), [("wrong", "FMP refuses the key."), (None, "FMP needs a key. Set FMP_API_KEY")]
)
def test_a_wrong_or_missing_key_is_one_line_and_stores_nothing(
    vendor: FakeFmp, monkeypatch: pytest.MonkeyPatch, key: str | None, reason: str
) -> None:
    """The run stops with the reason and the setting to change; the lake has no snapshot."""
    monkeypatch.delenv("FMP_API_KEY")
    if key is not None:
        monkeypatch.setenv("FMP_API_KEY", key)
    done = run("fetch", "AAA", "BBB", "CCC", code=1)
    assert (done.out, done.err.count("\n")) == ("", 1)
    assert done.err.startswith(f"error: Nothing was fetched: {reason}")
    assert "FMP_API_KEY" in done.err
    assert fl.open("data/lake").snapshot.id == 0


def test_an_unreachable_vendor_is_one_line_and_stores_nothing(
    vendor: FakeFmp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line counts the failed requests and gives their reason, and no snapshot is written."""
    with socket.socket() as closed:  # bound and never listening: connections are refused
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("FMP_BASE_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        done = run("fetch", "AAA", "BBB", code=1)
        assert (done.out, done.err.count("\n")) == ("", 1)
        assert "for AAA, BBB; 21 of 21 requests failed: FMP cannot be reached." in done.err
        assert fl.open("data/lake").history() == []
        failures = run("--json", "fetch", "AAA", code=1).json["failures"]
        assert {f["error"] for f in failures} == {"Unavailable"}


def test_an_unknown_symbol_is_one_line(vendor: FakeFmp) -> None:
    """Requests that fail for one reason share one line, alone or beside symbols that are known."""
    alone = run("fetch", "NOPE", code=1)
    assert (alone.out, alone.err.count("\n")) == ("", 1)
    assert "Nothing was fetched for NOPE; 8 of 11 requests failed: FMP has no records." in alone.err
    lines = run("fetch", "AAA", "NOPE", code=1).out.splitlines()
    [failed] = [line for line in lines if line.startswith("failed")]
    assert failed.startswith("failed    NOPE profile, price, income, balance_sheet, cash_flow: FMP has")


def test_an_empty_answer_about_a_known_symbol_is_no_unknown_symbol(vendor: FakeFmp) -> None:
    """A known company without a profile is reported as such, and the exit code is 0."""
    vendor.dataset = vendor.dataset.put("profile", "AAA", [])
    lines = run("fetch", "AAA").out.splitlines()
    assert "empty     AAA profile: the provider has no data of this kind" in lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name symbols"),
        (["--universe", "sp500.csv"], "No file sp500.csv"),
        (["--universe", "all"], "fmp has no list of all symbols"),
        (["AAA", "--provider", "fpm"], "Did you mean 'fmp'"),
        (["AAA", "--kind", "price"], "Did you mean 'prices'"),
        (["AAA", "--since", "yesterday"], "since"),
        (["--file", "missing.txt"], "No file missing.txt"),
    ],
)
def test_bad_input_is_explained_before_any_request(
    vendor: FakeFmp, arguments: list[str], message: str
) -> None:
    """The error names the wrong value and the expected ones."""
    assert message in run("fetch", *arguments, code=1).err
    assert vendor.requests == []


def test_a_file_that_is_no_list_of_symbols_is_refused(vendor: FakeFmp, tmp_path: Path) -> None:
    """A CSV file without a column of symbols is not read as symbols."""
    (tmp_path / "universe.csv").write_text("company,name\nAAA,Aaa Inc\n")
    assert "one symbol on each line" in run("fetch", "--file", "universe.csv", code=1).err


def test_the_key_is_in_no_output_log_or_file(
    vendor: FakeFmp, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No failure prints or stores the key: a refused key that the vendor repeats, faults, a v3 address."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)
    vendor.faults = Faults(rate=0.3, seed=3)
    vendor.retry_after_s = vendor.delay_s = 0.0
    outputs = []
    for generation in ("stable", "v3"):
        done = run("fetch", "AAA", "BBB", "NOPE", "--lake", generation, code=None)
        outputs += [done.out, done.err]
    assert "HTTP Request" in caplog.text
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".parquet" for path in written)
    assert KEY not in "".join([*outputs, caplog.text])
    assert not [path for path in written if KEY.encode() in path.read_bytes()]


def test_ctrl_c_is_one_line_and_the_next_run_continues(vendor: FakeFmp) -> None:
    """No committed data is lost, and no traceback is printed."""
    vendor.latency_s = 0.05
    with start("fetch", "AAA", "BBB", "CCC", **os.environ) as running:
        while not vendor.requests:
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert err == "interrupted; committed data is kept\n"
    vendor.latency_s = 0.0
    assert run("--json", "fetch", "AAA", "BBB", "CCC").json["clean"]
    assert fl.open("data/lake").held_symbols() == ["AAA", "BBB", "CCC"]
