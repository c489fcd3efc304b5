"""Test that a folder name works in every part of the lake, or raises before anything is written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from tests.support import SPLITS
from tests.unit.cli.running import run

# These were misread: `?` raised duckdb.TransactionException after the commit, `[1]`, `^` and `|` a panic of
# Rust, `%`, a backslash and line breaks LakeDamaged.
REFUSED = ["?", "*", "[1]", "]", "%", "%41", "\\", "\n", "\t", "\r", "\x7f", "\x00", "^", "|", "\udcff"]
WORKING = ["it's", 'a"b', " a b ", "a;b", "a#b", "a:b", "year=2020", "{a,b}", "$a", "~", "a&b@c", "日本é😀"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_would_be_misread_is_refused(tmp_path: Path, name: str) -> None:
    """The error names the character, and no folder is made, whether the name is of the lake or above it."""
    for path in (tmp_path / f"a{name}b", tmp_path / f"a{name}b" / "lake"):
        with pytest.raises(InvalidInput, match="has the character") as caught:
            fl.open(path)
        assert "\n" not in str(caught.value)
        assert repr(name[0])[1:-1] in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_copies_refuse_such_a_name_too(lake: Lake, tmp_path: Path) -> None:
    """A backup and a restore check their targets, and verify and repair the lake's folder."""
    lake.load("splits", SPLITS)
    lake.backup(tmp_path / "backup")
    with pytest.raises(InvalidInput, match="has the character"):
        lake.backup(tmp_path / "a?b")
    with pytest.raises(InvalidInput, match="has the character"):
        fl.restore(tmp_path / "backup", tmp_path / "a?b")
    lake.path.rename(moved := tmp_path / "lake[1]")
    for check in (fl.open, fl.verify, fl.repair):
        with pytest.raises(InvalidInput, match="has the character"):
            check(moved)
    done = run("--lake", tmp_path / "a?b", "init", code=1)
    assert done.err.startswith("error: The path")
    assert done.err.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["backup", "lake[1]"]


def test_a_link_to_a_folder_of_such_a_name_is_refused(tmp_path: Path) -> None:
    """The path that DuckDB and Delta see is the resolved one."""
    (tmp_path / "a?b").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a?b")
    with pytest.raises(InvalidInput, match="has the character"):
        fl.open(tmp_path / "link")


@pytest.mark.first_cases(3)
@pytest.mark.parametrize("name", WORKING)
def test_any_other_name_works_end_to_end(tmp_path: Path, name: str) -> None:
    """Load, SQL, the single file, diff, compaction, verification, backup, restore and export all work."""
    lake = fl.open(tmp_path / name / "lake")
    lake.load("splits", SPLITS)
    lake.load("splits", {"symbol": ["Y"], "date": ["2020-01-02"], "numerator": [2], "denominator": [1]})
    lake.load("price_data", {"symbol": ["Y"], "date": ["2020-01-02"], "close_price": [2.0],
                             "split_basis_date": ["2020-01-02"]})  # fmt: skip
    assert lake.sql("SELECT count(*) FROM splits").item() == 5
    assert lake.prices("Y")["close_price"].to_list() == [2.0]
    assert lake.diff(1).filter(symbol="Y", table="splits")["added"].item() == 1
    with duckdb.connect(str(lake.catalog()), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM splits").fetchone() == (5,)
    lake.compact()
    assert fl.verify(lake.path, deep=True).clean
    lake.backup(tmp_path / name / "backup")
    restored = fl.restore(tmp_path / name / "backup", tmp_path / name / "restored")
    assert restored.sql("SELECT count(*) FROM splits").item() == 5
    with duckdb.connect(str(lake.export(tmp_path / name / "all.duckdb")), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM splits").fetchone() == (5,)


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("scheme", ["postgresqlx", "x+y"])
def test_no_folder_is_named_after_an_address(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, kind: type[str | Path]
) -> None:
    """An address in the place of a folder raises without its password, and creates nothing."""
    address = kind(f"{scheme}://user:secret@host/database")
    monkeypatch.chdir(tmp_path)
    before = list(tmp_path.iterdir())
    calls: dict[str, Callable[[], object]] = {
        "open": lambda: fl.open(address),
        "backup": lambda: lake.backup(address),
        "restore from": lambda: fl.restore(address, tmp_path / "restored"),
        "restore to": lambda: fl.restore(lake.path, address),
        "verify": lambda: fl.verify(address),
        "repair": lambda: fl.repair(address),
    }
    for name, call in calls.items():
        with pytest.raises(InvalidInput, match=re.escape(f"{scheme}://")) as caught:
            call()
        assert "secret" not in str(caught.value), name
    assert list(tmp_path.iterdir()) == before


@pytest.mark.parametrize("inside", ["splits/inner", "inner", "_lake/inner"])
def test_no_lake_is_created_inside_another(lake: Lake, inside: str) -> None:
    """A vacuum of the outer lake would delete the files of the inner one."""
    with pytest.raises(InvalidInput, match="is inside the lake"):
        fl.open(lake.path / inside)
    assert not (lake.path / inside).exists()


def test_a_folder_below_a_delta_log_is_refused(tmp_path: Path) -> None:
    """Delta takes a folder of this name for the log of a table."""
    with pytest.raises(InvalidInput, match="_delta_log"):
        fl.open(tmp_path / "_delta_log" / "lake")
    assert list(tmp_path.iterdir()) == []


def test_a_loop_of_links_is_one_clear_error(tmp_path: Path) -> None:
    """A link that leads to itself names no folder."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InvalidInput, match="no usable path"):
        fl.open(tmp_path / "loop", create=False)


_LOGINS = [
    "host=h password=S3CRET dbname=x",
    "host = h user = bob passwd = S3CRET",
    "Server=h;Uid=bob;Pwd=S3CRET",
    "bob:S3CRET@h/db",
    "//bob:S3/CRET@h/db",
    "postgresql:bob:S3CRET@h/db",
    "h/db?user=bob&password=S3CRET",
]


@pytest.mark.parametrize("login", _LOGINS)
def test_the_login_of_a_server_is_no_path_and_is_not_repeated(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, login: str
) -> None:
    """A mistyped address made a folder of its text, and the errors repeated the password."""
    lake.load("splits", SPLITS)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    calls: list[Callable[[], object]] = [
        lambda: fl.open(login),
        lambda: fl.open(tmp_path / login if login.startswith("host") else Path(login)),
        lambda: fl.verify(login),
        lambda: fl.restore(login, tmp_path / "new"),
        lambda: lake.backup(login),
        lambda: lake.export(login),
        lambda: lake.sync(login),
        lambda: lake.load("splits", login),
        lambda: lake.migrate(login),
    ]
    for call in calls:
        with pytest.raises(InvalidInput) as caught:
            call()
        assert "CRET" not in f"{caught.value} {caught.value.facts}"
    files = (("backup", login), ("export", login), ("load", "splits", login), ("status", "--output", login))
    for arguments in (("status",), *files):
        place = login if arguments == ("status",) else lake.path
        done = run("--lake", place, *arguments, code=1)
        assert "CRET" not in done.out + done.err
    monkeypatch.setenv("FACTORLAB_LAKE", login)
    assert "CRET" not in run("config").out
    assert sorted(tmp_path.rglob("*")) == before


def test_an_address_in_place_of_a_file_is_not_repeated(lake: Lake) -> None:
    """The password of an address is in none of the errors about files."""
    for call in (lake.export, lake.report, lake.migrate, lambda path: lake.load("splits", path)):
        with pytest.raises(InvalidInput, match=r"postgresql://\.\.\. is an address") as caught:
            call("postgresql://bob:S3CRET@h/db")
        assert "S3CRET" not in f"{caught.value} {caught.value.facts}"
