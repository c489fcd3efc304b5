"""Test which symbols `fetch` takes from universes, files and SEC's list, with servers on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import factorlab_lake as fl
from tests.fakes.sec_documents import copies
from tests.fakes.sec_server import AGENT, FakeSec, serving
from tests.unit.cli.running import run

_FETCH = ("--json", "fetch", "--provider", "sec", "--kind", "statements", "--kind", "shares")


@pytest.fixture
def sec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSec]:
    """Start a server of three companies and set it up in the environment, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    with serving(dict(copies([1, 2, 3], filings_each=1))) as server:
        for name in ("SEC_BASE_URL", "SEC_FILES_URL"):
            monkeypatch.setenv(name, server.url)
        monkeypatch.setenv("SEC_USER_AGENT", AGENT)
        monkeypatch.setenv("SEC_RETRY_WAIT_S", "0")
        yield server


def _held() -> list[str]:
    return fl.open("data/lake").held_symbols()


def test_all_is_every_symbol_that_sec_lists(sec: FakeSec) -> None:
    """`--universe all` fetches each symbol of SEC's list, and its plan counts them."""
    assert run(*_FETCH, "--universe", "all", "--dry-run").json["symbols"] == 3
    assert not Path("data/lake").exists()
    assert run(*_FETCH, "--universe", "all").json["clean"]
    assert _held() == ["C1", "C2", "C3"]


def test_a_loaded_universe_has_all_that_were_ever_members(sec: FakeSec) -> None:
    """A symbol that left the universe is fetched too: today's members alone would be survivors."""
    rows = "universe,symbol,valid_from,valid_to\nbig,C1,2000-01-01,2010-01-01\nbig,C3,2005-01-01,\n"
    Path("members.csv").write_text(rows + "small,C2,2005-01-01,\n")
    run("load", "universes", "members.csv")
    assert run(*_FETCH, "--universe", "big").json["symbols"] == 2
    assert _held() == ["C1", "C3"]
    text = run("fetch", "--universe", "bgi", code=1).err
    assert "There is no universe 'bgi'" in text
    assert "Did you mean 'big'" in text


@pytest.mark.parametrize(
    "text", ["C1\nC2 # the second\n", "name;Symbol\nOne;C1\nTwo;C2\n", "n\tticker\n1\tC1\n2\tC2\n"]
)
def test_a_file_is_a_universe(sec: FakeSec, text: str) -> None:
    """A list, or the column symbol or ticker of a file with separators, is read; no lake is needed."""
    for name in ("members.csv", "members"):
        Path(name).write_text(text, encoding="utf-8-sig")
        assert run(*_FETCH, "--universe", name, "--dry-run").json["symbols"] == 2
    assert run(*_FETCH, "--file", "members.csv", "C3", "--dry-run").json["symbols"] == 3
