"""Test that every command works in a folder of any name, or refuses it in one line and writes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.cli import app
from tests.support import CACHE_2021, SPLITS
from tests.unit.cli.running import run

# The folders of one path: each command reads and writes below all of them.
_WORKING = [
    ("with space", " lead", "ä ö ü ß", "日本é😀", "it's", 'a"b', "~a"),
    ("trail ", "a#b", "a&b@c", "$HOME", ".hidden", "a..b", "-rf"),
    ("a;b", "{a,b}", "year=2020", "a:b+c", "n" * 200, "plain", "~"),
]
_REFUSED = ["a?b", "a*b", "[1]", "a]", "100%", "%20", "a\\b", "a\nb", "a\tb", "a\x1b[31mb", "a^b", "a|b"]
_FILE = CACHE_2021 / "balance_sheets" / "GOOG_balance_sheet_annual_limit4_v1.0.json.gz"
_ROWS = {"symbol": ["Y"], "date": ["2020-01-02"], "close_price": [2.0], "split_basis_date": ["2020-01-02"]}
_DAY = ("--date", "2020-01-02")


def every_command(side: Path) -> dict[str, tuple[object, ...]]:
    """Return the arguments of each command; ``side`` is a folder of the same name beside the lake."""
    cache = side / "cache"
    return {
        "init": (), "status": (), "history": (), "coverage": (), "freshness": (), "quality": (),
        "config": (), "configure": (), "pin": ("p",), "diff": (1,), "verify": (), "repair": (),
        "statements": ("Y",), "quarters": ("Y",), "prices": ("Y",), "ratios": ("Y",),
        "caps": ("Y", *_DAY), "ttm": ("Y", *_DAY), "factors": ("Y", *_DAY),
        "explain": ("market_cap", "Y", "2020-01-02"), "lookahead": ("pe_ratio", "Y", *_DAY),
        "compare": ("Y",), "screen": ("market_cap > 0", "2020-01-02"),
        "cross_section": ("pe_ratio", *_DAY),
        "trends": ("revenue", "Y", "--as-of", "2020-01-02"),
        "seasonality": ("revenue", "Y", "--as-of", "2020-01-02"),
        "mcp": (), "symbols": (), "columns": ("splits",), "log": (), "revisions": (),
        "sql": ("FROM price_data",), "export": (side / "all.duckdb",), "report": (side / "page.html",),
        "load": ("splits", SPLITS), "daily_bars": (),
        "load_bars": (side / "bars.csv", "--split-basis", "own-day"),
        "migrate": (cache,), "validate": (cache,), "fetch": ("Y", "--dry-run"),
        "compact": (), "vacuum": (), "backup": (side / "backup",),
        "restore": (side / "backup", side / "restored"), "rollback": (), "demo": (),
        "sync": ("postgresql://nobody@127.0.0.1:1/none",),
    }  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lake with one bar."""
    lake = fl.open(tmp_path_factory.mktemp("small") / "lake")
    lake.load("price_data", _ROWS)
    return lake.path


@pytest.mark.first_cases(1)
@pytest.mark.parametrize("names", _WORKING)
def test_every_command_works_below_folders_of_these_names(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    """The path is absolute or, for the last commands, relative: a leading dash or tilde stays a name."""
    side = tmp_path.joinpath("side", *names)
    place = tmp_path.joinpath(*names)
    (side / "cache" / "balance_sheets").mkdir(parents=True)
    shutil.copy(_FILE, side / "cache" / "balance_sheets")
    (side / "bars.csv").write_text("symbol,ts,close\nY,2020-01-02 10:00,2\n")
    shutil.copytree(small, place)
    commands = every_command(side)
    assert commands.keys() == {c.callback.__name__ for c in app.registered_commands if c.callback}
    for callback, arguments in commands.items():
        command = callback.replace("_", "-")
        if command == "demo":  # it refuses the rows of this lake
            assert "not in the sample" in run("--lake", place, "demo", code=1).err
        elif command == "sync":
            assert "127.0.0.1" in run("--lake", place, command, *arguments, code=1).err
        elif command != "mcp":  # it serves until its client leaves; its own tests start it
            run("--lake", place, command, *arguments)
    monkeypatch.chdir(place.parent)
    assert "1 row" in run(f"--lake=./{names[-1]}/", "prices", "Y").out
    assert "1 row" in run("prices", "Y", f"--lake=./{names[-1]}").out
    assert {p.name for p in tmp_path.iterdir()} == {"side", names[0]}
    assert [p.name for p in place.parent.iterdir()] == [names[-1]]


@pytest.mark.parametrize("name", _REFUSED)
def test_every_command_refuses_a_folder_of_this_name(tmp_path: Path, name: str) -> None:
    """One line on stderr, exit code 1, and nothing is written, whether or not a lake of this name exists."""
    side = tmp_path / "side"
    (side / "cache").mkdir(parents=True)
    (tmp_path / name / "_lake").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    for callback, arguments in every_command(side).items():
        command = callback.replace("_", "-")
        if command not in ("restore", "config"):  # config opens no lake
            done = run("--lake", tmp_path / name, command, *arguments, code=1)
            assert (done.out, done.err.count("\n")) == ("", 1), command
            assert done.err.startswith("error: The path"), command
    for arguments in ((tmp_path / name, side / "new"), (side, tmp_path / name)):
        done = run("restore", *arguments, code=1)
        assert done.err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("command", ["migrate", "validate"])
def test_a_file_name_does_not_control_the_terminal(small: Path, tmp_path: Path, command: str) -> None:
    """Escape codes, line breaks and changes of direction are printed escaped; JSON has the exact name."""
    lake = shutil.copytree(small, tmp_path / "lake")
    cache = tmp_path / "cache" / "balance_sheets"
    cache.mkdir(parents=True)
    name = "GOOG\x1b[2J\r\u202e_balance_sheet_annual_limit4_v1.0.json.gz"
    (cache / name).write_bytes(b"broken")
    done = run("--lake", lake, command, cache.parent, code=None)
    shown = done.out + done.err
    assert r"GOOG\x1b[2J" in shown
    assert not {"\x1b", "\r", "\u202e"} & set(shown)
    document = run("--lake", lake, command, cache.parent, "--json", code=None).json
    assert [fault["file"] for fault in document["faults"]] == [f"balance_sheets/{name}"]
    done = run("--lake", lake, "load", "splits", tmp_path / "a\x1b[2J\u202e.csv", code=1)
    assert r"a\x1b[2J\u202e.csv" in done.err
    assert not {"\x1b", "\u202e"} & set(done.err)
