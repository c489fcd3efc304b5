"""Test the tool that moves Factor Lab's cache into a database, by the names of its plan."""

from __future__ import annotations

from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, NotFound
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import CacheMigrationTool, DatabaseProvider, migration_status
from tests.support import CACHE_2021, CACHE_DIRTY, Entry, content, income
from tests.unit.sync.postgres_server import Server


@pytest.fixture
def tool(tmp_path: Path, cache: Path) -> CacheMigrationTool:
    """Return a tool of a cache with a damaged file and a rejected record, and of a lake to be created."""
    Entry("AAPL", "income", [income(), income("soon")]).write(cache)
    Entry("GOOG", "income", [income(symbol="GOOG")]).write(cache)
    Entry("MSFT", "income", []).write(cache, b"<html>")
    (cache / "income_statements" / "AAPL.lock").touch()
    return CacheMigrationTool(cache, tmp_path / "lake")


def test_files_are_those_that_a_migration_reads(tool: CacheMigrationTool, cache: Path) -> None:
    """They are the files named like entries, of all symbols or of some; leftovers are none."""
    folder = cache / "income_statements"
    names = [f"{s}_income_statement_quarterly_limit20_v1.0.json.gz" for s in ("AAPL", "GOOG", "MSFT")]
    assert tool.find_cache_files() == [folder / name for name in names]
    assert tool.find_cache_files("aapl") == [folder / names[0]]
    assert len(CacheMigrationTool(CACHE_DIRTY).find_cache_files()) > 30


def test_an_export_is_a_migration_that_can_be_planned_validated_and_undone(
    tool: CacheMigrationTool, tmp_path: Path, cache: Path
) -> None:
    """Each report is that of the lake's own method; a plan writes nothing, and a second export reads none."""
    plan = tool.plan()
    assert not (tmp_path / "lake").exists()
    plain = fl.open(tmp_path / "plain")
    expected = plain.migrate(cache)
    report = tool.export_cache_to_database()
    assert (report.new, report.faults, report.rejects) == (expected.new, expected.faults, expected.rejects)
    assert (plan.faults, plan.rejects) == (report.faults, report.rejects)
    assert (len(report.faults), len(report.rejects), len(report.skipped)) == (1, 1, 1)
    assert content(tool.lake)["income_statements"].equals(content(plain)["income_statements"])
    checked = tool.validate()
    assert (checked.equal, checked.rejected, checked.missing) == (2, 1, 0)
    assert tool.status().equals(migration_status(plain, cache))
    assert (tool.plan().records, tool.export_cache_to_database().records) == (0, 0)
    assert tool.rollback(0).id == tool.lake.snapshot.id
    assert tool.lake.held_symbols() == []


def test_some_symbols_are_exported_alone(tool: CacheMigrationTool) -> None:
    """The files of others are not read, here a damaged one."""
    assert not tool.export_cache_to_database(["goog", "AAPL"], by_symbol=True).faults
    assert tool.lake.held_symbols() == ["AAPL", "GOOG"]
    assert tool.validate("goog").clean


def test_cache_and_lake_are_those_of_the_settings(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without arguments, both are those of FACTORLAB_CACHE_DIR and FACTORLAB_LAKE."""
    Entry("AAPL", "income", [income()]).write(cache)
    monkeypatch.setenv("FACTORLAB_CACHE_DIR", str(cache))
    monkeypatch.setenv("FACTORLAB_LAKE", str(tmp_path / "lake"))
    tool = CacheMigrationTool()
    assert tool.export_cache_to_database().new["income_statements"] == 1
    assert tool.lake.path == tmp_path / "lake"


def test_an_export_reaches_a_server(tmp_path: Path, cache: Path, postgres: Server) -> None:
    """With the address of a database, exports and rollbacks are synced to it."""
    Entry("AAPL", "income", [income()]).write(cache)
    with postgres.database() as url:
        tool = CacheMigrationTool(cache, tmp_path / "lake", database=url)
        tool.export_cache_to_database()
        assert tool.synced is not None
        assert tool.synced.snapshot == tool.lake.snapshot.id
        assert len(DatabaseProvider(url).get_financial_statements("aapl")) == 1
        tool.rollback()
        assert tool.synced.snapshot == tool.lake.snapshot.id
        with pytest.raises(InvalidInput, match="not into a ServerLake: pass the lake's folder") as caught:
            CacheMigrationTool(cache, url).export_cache_to_database()
        assert "s3cret" not in f"{caught.value!r} {tool!r}"


def test_without_a_cache_or_a_lake_the_error_names_it(tmp_path: Path, lake: Lake) -> None:
    """A mistyped path does not look like a migration of nothing."""
    tool = CacheMigrationTool(tmp_path / "nowhere", lake)
    for method in (tool.find_cache_files, tool.plan, tool.export_cache_to_database, tool.validate):
        with pytest.raises(NotFound, match=r"No cache folder at .*nowhere"):
            method()
    absent = CacheMigrationTool(CACHE_2021, tmp_path / "no" / "lake")
    for name in ("validate", "rollback", "status"):
        with pytest.raises(NotFound, match="lake"):
            getattr(absent, name)()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="no cache files"):
        CacheMigrationTool(tmp_path / "empty", lake).find_cache_files()
