"""Test the migration status of the old cache, file by file."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.errors import NotFound
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import migration_status
from tests.support import LATER, Entry, bar, income
from tests.unit.cli.running import run


def _states(lake: Lake, cache: Path) -> dict[str, tuple[Any, ...]]:
    rows = migration_status(lake, cache).select(
        "dataset", "files", "migrated", "differ", "missing", "unreadable"
    )
    return {dataset: tuple(rest) for dataset, *rest in rows.iter_rows()}


@pytest.fixture
def half(lake: Lake, cache: Path) -> Path:
    """Return a cache with a migrated file, a changed one, an unreadable one and a new one."""
    Entry("AAA", "price", [bar("2021-03-30")]).write(cache)
    Entry("BBB", "price", [bar("2021-03-30")]).write(cache)
    Entry("CCC", "price", []).write(cache, body=b"")
    (cache / "price_data" / "AAA.lock").write_text("")
    lake.migrate(cache)
    Entry("BBB", "price", [bar("2021-03-31")], cached_at=LATER).write(cache)
    Entry("AAA", "income", [income(symbol="AAA")]).write(cache)
    return cache


def test_each_file_is_in_one_state(lake: Lake, half: Path) -> None:
    """Each file is migrated, differs, is missing or is unreadable; the states add up to the files."""
    assert _states(lake, half) == {"income": (1, 0, 0, 1, 0), "price": (3, 1, 1, 0, 1)}


def test_the_status_shows_since_when_the_lake_is_behind(lake: Lake, half: Path) -> None:
    """It is the time of the first file that the lake has not read; after a migration there is none."""
    os.utime(half / Entry("BBB", "price", []).path, (1_700_000_000, 1_700_000_000))
    since = dict(migration_status(lake, half).select("dataset", "behind_since").iter_rows())
    assert since["price"] == datetime.fromtimestamp(1_700_000_000, UTC)
    assert since["income"] > since["price"]
    lake.migrate(half)
    assert migration_status(lake, half)["behind_since"].to_list() == [None, None]


def test_another_migration_completes_the_status(lake: Lake, half: Path) -> None:
    """Afterwards no file is missing or differs; in the first snapshot every file is missing."""
    lake.migrate(half)
    assert _states(lake, half) == {"income": (1, 1, 0, 0, 0), "price": (3, 2, 0, 0, 1)}
    assert _states(lake.at(0), half) == {"income": (1, 0, 0, 1, 0), "price": (3, 0, 0, 3, 0)}


def test_a_folder_that_is_not_there_is_an_error(lake: Lake, tmp_path: Path) -> None:
    """A missing folder raises NotFound."""
    with pytest.raises(NotFound, match="No cache folder"):
        migration_status(lake, tmp_path / "nowhere")


def test_the_command_shows_states_and_flags(
    lake: Lake, half: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`status --migration` prints the rows and the flags, and never the address of the lake."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACTORLAB_DATABASE_PERCENT", "25")
    monkeypatch.setenv("FACTORLAB_LAKE", "postgresql://me:secret@host/db")
    done = run("--lake", lake.path, "status", "--migration", half)
    assert "FACTORLAB_DATABASE_PERCENT=25.0" in done.out
    assert "FACTORLAB_USE_DATABASE=true" in done.out
    assert "secret" not in done.out
    document = json.loads(run("--lake", lake.path, "--json", "status", "--migration", half).out)
    assert document["datasets"][1]["differ"] == 1
    assert document["flags"]["database_percent"] == 25.0
    assert run("--lake", lake.path, "--csv", "status", "--migration", half, code=2).out == ""
