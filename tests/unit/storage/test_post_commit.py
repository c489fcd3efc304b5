"""Test that nothing raises after a commit: failed work warns, and a later change retries it."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import duckdb
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InternalError, LakeDamaged, LakeLocked, PostCommitWarning, WriteFailed
from factorlab_lake.lake import Lake
from factorlab_lake.query import catalog
from factorlab_lake.storage import data_files, snapshots
from factorlab_lake.storage import layout as layouts
from tests.support import CACHE_2019, SPLITS, bar
from tests.unit.cli.running import run
from tests.unit.ingest.scripted_provider import ScriptedProvider

ERRORS = {
    "a full disk": WriteFailed("no room", path="lake.duckdb"),
    "another writer": LakeLocked("busy"),
    "the system": OSError(errno.ENOSPC, "No space left on device"),
    "DuckDB": duckdb.IOException("IO Error: Could not write file"),
    "a bug": ValueError("not in the list"),
}


def split(symbol: str) -> dict[str, list[Any]]:
    """Return one split of a symbol, as a user loads it."""
    return {"symbol": [symbol], "date": ["2020-01-02"], "numerator": [2], "denominator": [1]}


def symbols(lake: Lake) -> list[str]:
    """Return the symbols with splits."""
    return lake.sql("SELECT DISTINCT symbol FROM splits ORDER BY symbol")["symbol"].to_list()


def shown(lake: Lake) -> int:
    """Return the snapshot that ``lake.duckdb`` shows."""
    with duckdb.connect(str(lake.path / "lake.duckdb"), read_only=True) as con:
        [number] = con.execute("SELECT id FROM lake_snapshot").fetchone() or (0,)
    return int(number)


def failing(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, error: Exception) -> None:
    """Let a function raise an error whenever it is called."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(owner, name, fail)


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("kind", ERRORS)
def test_a_load_whose_single_file_cannot_be_written_is_in(
    lake: Lake, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The load returns its count and warns, its rows are visible, and the next load writes the file."""
    lake.load("splits", split("A"))
    with monkeypatch.context() as patch:
        failing(patch, catalog, "_write" if kind == "DuckDB" else "write_catalog", ERRORS[kind])
        sentences = r"does not show snapshot 2: .*[^.]\. [A-Z].*lake\.catalog\(\)"
        with pytest.warns(PostCommitWarning, match=sentences):
            assert lake.load("splits", split("B")) == 1
    assert symbols(lake) == symbols(fl.open(lake.path)) == ["A", "B"]
    assert shown(lake) == 1
    lake.load("splits", split("C"))
    assert shown(lake) == 3


def test_the_same_load_again_writes_a_single_file_that_failed(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that finds nothing new still writes the file that an earlier one could not."""
    with monkeypatch.context() as patch:
        failing(patch, catalog, "write_catalog", ERRORS["a full disk"])
        with pytest.warns(PostCommitWarning):
            lake.load("splits", SPLITS)
    lake.load("splits", SPLITS)
    assert shown(lake) == lake.snapshot.id == 1


def test_a_load_beside_a_missing_file_of_another_table_is_in(lake: Lake) -> None:
    """The new single file needs every data file; the warning names the missing one, and the rows are in."""
    lake.load("dividends", {"symbol": ["A"], "date": ["2020-01-02"], "dividend": [1.0]})
    [missing] = (p for p in (lake.path / "dividends").rglob("*.parquet") if "_delta_log" not in p.parts)
    body = missing.read_bytes()
    missing.unlink()
    (lake.path / "lake.duckdb").unlink()
    with pytest.warns(PostCommitWarning, match=f"{missing.name} is missing"):
        assert lake.load("splits", split("A")) == 1
    assert symbols(lake) == ["A"]
    with pytest.raises(LakeDamaged, match=missing.name):
        lake.catalog()
    missing.write_bytes(body)
    lake.load("splits", split("B"))
    assert shown(lake) == lake.snapshot.id == 3


def test_a_change_whose_note_cannot_be_written_is_in(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a full disk after the snapshot's file the change is committed, and the lake object shows it."""
    with monkeypatch.context() as patch:
        failing(patch, snapshots, "save_newest", WriteFailed("no room", path="newest.json"))
        with pytest.warns(PostCommitWarning, match=r"copy of snapshot 1 in newest\.json"):
            lake.load("splits", split("A"))
    assert lake.snapshot.id == fl.open(lake.path).snapshot.id == 1
    assert symbols(lake) == ["A"]
    lake.load("splits", split("B"))
    assert fl.verify(lake.path).clean


def test_a_rollback_whose_note_cannot_be_written_is_in(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rollback returns its snapshot, which follows from the commit and is not read back."""
    lake.load("splits", split("A"))
    lake.load("splits", split("B"))
    failing(monkeypatch, snapshots, "save_newest", WriteFailed("no room", path="newest.json"))
    with pytest.warns(PostCommitWarning):
        assert lake.rollback(1).id == 3
    assert symbols(lake) == ["A"]


def test_a_lake_object_that_cannot_move_says_so(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot that cannot be read back is a warning; refresh moves to it later."""
    with monkeypatch.context() as patch:
        failing(patch, Lake, "refresh", LakeDamaged("cannot be read", path="snapshots"))
        with pytest.warns(PostCommitWarning, match=r"still shows the snapshot before it.*lake\.refresh\(\)"):
            lake.load("splits", split("A"))
    assert lake.snapshot.id == 0
    assert symbols(lake.refresh()) == ["A"]
    lake.load("splits", split("B"))
    assert shown(lake) == 2


@pytest.mark.parametrize("fault", ["write_catalog", "row_counts"])
def test_a_migration_and_a_fetch_return_their_reports(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both warn, name the snapshot they committed, and show the rows."""
    owner = catalog if fault == "write_catalog" else data_files
    migrated, fetched = fl.open(tmp_path / "migrated"), fl.open(tmp_path / "fetched")
    counts = data_files.row_counts

    def fail_after_commit(layout: layouts.Layout, snapshot: snapshots.Snapshot) -> Any:
        if fault == "row_counts" and snapshot.id == 0:
            return counts(layout, snapshot)
        raise WriteFailed("no room", path=str(layout.root))

    monkeypatch.setattr(owner, fault, fail_after_commit)
    with pytest.warns(PostCommitWarning):
        assert migrated.migrate(CACHE_2019, symbols=["AAPL"]).snapshot_after == migrated.snapshot.id == 1
    provider = ScriptedProvider({("price", "A", None): [bar("2021-03-25", 100.0)]})
    with pytest.warns(PostCommitWarning):
        report = fetched.fetch(provider, ["A"], kinds=["prices"])
    assert report.snapshot_after == fetched.snapshot.id == 1
    assert fetched.held_symbols() == ["A"]
    assert migrated.held_symbols() == ["AAPL"]


def test_a_repair_whose_single_file_cannot_be_written_returns_its_report(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was repaired stays repaired."""
    lake.load("splits", SPLITS)
    (lake.path / "lake.duckdb").unlink()
    [listed] = (lake.path / "_lake" / "files").glob("splits-*.json")
    listed.write_text("{")
    failing(monkeypatch, catalog, "write_catalog", ERRORS["the system"])
    with pytest.warns(PostCommitWarning, match=r"lake\.duckdb was not rewritten"):
        report = lake.repair()
    assert [file for file, _ in report.repaired] == [listed.relative_to(lake.path).as_posix()]
    assert report.clean


def test_the_program_prints_the_warning_in_one_line(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command ends with 0 and its own output; the warning is one line on stderr."""
    failing(monkeypatch, catalog, "write_catalog", WriteFailed("no\nroom", path="lake.duckdb"))
    done = run("--lake", lake.path, "--json", "load", "splits", SPLITS)
    assert done.json["snapshot_after"] == 1
    assert done.err.startswith("warning: The change is committed, but lake.duckdb does not show snapshot 1")
    assert done.err.count("\n") == 1


def test_errors_of_own_sql_are_internal(lake: Lake) -> None:
    """Our own SQL that fails on a sound lake is a fault of the program; a user's is the user's."""
    lake.load("splits", split("A"))
    with pytest.raises(InternalError, match="bug in the program") as caught:
        lake.session.frame("SELECT nothing FROM splits")
    assert caught.value.facts == {"sql": "SELECT nothing FROM splits"}
    with pytest.raises(fl.errors.InvalidInput, match="DuckDB refuses"):
        lake.session.sql("SELECT nothing FROM splits")
    with pytest.raises(fl.errors.InvalidInput, match="Conversion Error"):
        lake.session.frame("SELECT $day::DATE", {"day": "no day"})


def test_a_users_file_that_cannot_be_read_is_no_damage_of_the_lake(lake: Lake, tmp_path: Path) -> None:
    """A missing or broken Parquet file of the user's is the user's error."""
    lake.load("splits", split("A"))
    (tmp_path / "broken.parquet").write_bytes(b"no parquet")
    for name in ("missing", "broken"):
        with pytest.raises(fl.errors.InvalidInput, match=f"{name}.parquet"):
            lake.sql(f"SELECT * FROM '{tmp_path}/{name}.parquet'")
