from __future__ import annotations

from pathlib import Path

import pytest

from factorlab_lake.errors import InvalidInput, SchemaMismatch
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES
from factorlab_lake.storage import layout as layouts
from factorlab_lake.sync.postgres import install, target
from factorlab_lake.sync.postgres.address import Address
from factorlab_lake.sync.postgres.connection import connect
from tests.support import LATER, Entry, arrive, bar
from tests.unit.cli.running import run
from tests.unit.sync.comparing import assert_equal, by_hand

_EDITS = {
    "a value": (
        "UPDATE price_data SET close_price = 1 WHERE symbol = 'AAA' AND date = '2018-01-03'",
        "values",
    ),
    "the same value": ("UPDATE price_data SET volume = volume WHERE date = '2018-01-03'", "values"),
    "a key": ("UPDATE price_data SET symbol = 'ZZZ' WHERE symbol = 'AAA' AND date = '2018-01-03'", "values"),
    "a year": ("UPDATE price_data SET year = 1999 WHERE date = '2018-01-03'", "rows"),
    "a row more": ("INSERT INTO price_data (symbol, date, year) VALUES ('X', '2018-01-02', 2018)", "7 rows"),
    "a row less": ("DELETE FROM price_data WHERE symbol = 'AAA' AND date = '2018-01-03'", "5 rows"),
    "all rows": ("TRUNCATE price_data", "0 rows, the lake has 6"),
    "a far date": ("INSERT INTO price_data (symbol, date, year) VALUES ('X', 'infinity', 2018)", "rows"),
}


@pytest.fixture
def synced(small: Lake, database: str) -> str:
    """Return the address of a target that has the small lake."""
    small.sync(database)
    return database


@pytest.mark.first_cases(2)
@pytest.mark.parametrize(("statement", "what"), _EDITS.values(), ids=_EDITS)
def test_a_change_by_another_program_is_reported_and_repaired_on_request(
    small: Lake, synced: str, statement: str, what: str
) -> None:
    """The next sync reports any change of the rows; only `repair` reverts it."""
    by_hand(synced, statement)
    report = small.sync(synced)
    assert not report.clean
    assert {f.table for f in report.findings} == {"price_data"}
    assert what in report.findings[0].what
    assert not small.sync(synced).clean
    repaired = small.sync(synced, repair=True)
    assert (repaired.clean, repaired.repaired) == (True, report.findings)
    assert_equal(small, synced)
    assert small.sync(synced, verify_deep=True).clean


def test_a_change_without_triggers_is_found_by_a_deep_verification(small: Lake, synced: str) -> None:
    """A deep verification compares values, so it finds a change that left the stored hash unchanged."""
    by_hand(
        synced,
        "SET session_replication_role = replica; "
        "UPDATE income_statements SET revenue = 1, extra = '{\"a\": 1}' WHERE symbol = 'BBB'",
    )
    assert small.sync(synced).clean
    deep = small.sync(synced, verify_deep=True)
    assert [(f.table, f.what) for f in deep.findings] == [
        ("income_statements", "values of 1 row differ from the lake's")
    ]
    assert small.sync(synced, verify_deep=True, repair=True).clean
    assert_equal(small, synced)


def test_rows_deleted_without_triggers_are_missed_by_the_next_sync(small: Lake, synced: str) -> None:
    """Small tables are read at every sync, whatever the triggers counted."""
    by_hand(synced, "SET session_replication_role = replica; DELETE FROM price_data WHERE year = 2018")
    report = small.sync(synced)
    assert [(f.table, f.batch, f.what) for f in report.findings] == [
        ("price_data", "2018", "0 rows, the lake has 6")
    ]


def test_a_large_table_that_was_verified_is_not_read_for_a_day_unless_something_wrote_to_it(
    small: Lake, synced: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync reads its own delta back; rows deleted without triggers are missed for at most a day."""
    monkeypatch.setattr(target, "_LARGE", 1)
    read = "SELECT writes = verified FROM factorlab_lake_written WHERE table_name = 'price_data'"
    assert by_hand(synced, read) == [(True,)]
    arrive(small, tmp_path, Entry("AAA", "price", [bar("2019-01-07", 1.0)], cached_at=LATER))
    assert small.sync(synced).sent > 0
    assert by_hand(synced, read) == [(True,)]
    by_hand(synced, "SET session_replication_role = replica; DELETE FROM price_data WHERE year = 2018")
    assert small.sync(synced).clean
    assert not small.sync(synced, verify_deep=True).clean
    by_hand(synced, "UPDATE factorlab_lake_written SET verified_at = now() - INTERVAL '25 hours'")
    report = small.sync(synced)
    assert [(f.table, f.batch, f.what) for f in report.findings] == [
        ("price_data", "2018", "0 rows, the lake has 6")
    ]


def test_the_command_ends_with_3_when_the_target_was_edited(small: Lake, synced: str) -> None:
    """The output names the batch; after `--repair` the command ends with 0."""
    lake = ("--lake", small.path)
    by_hand(synced, "DELETE FROM splits; DELETE FROM price_data WHERE year = 2019")
    done = run(*lake, "sync", synced, code=3)
    assert "differs   price_data, 2019: 0 rows, the lake has 6" in done.out
    report = run(*lake, "--json", "sync", synced, code=3).json
    assert report["findings"] == [{"table": "price_data", "batch": "2019", "what": "0 rows, the lake has 6"}]
    assert "repaired  price_data, 2019" in run(*lake, "sync", synced, "--repair").out
    assert "verified  every value: equal to the lake" in run(*lake, "sync", synced, "--verify-deep").out


def test_a_target_belongs_to_one_lake(lake: Lake, synced: str) -> None:
    """A sync of another lake is refused, and the target does not change."""
    with pytest.raises(InvalidInput, match="has another lake"):
        lake.sync(synced)
    assert by_hand(synced, "SELECT count(*) FROM price_data") == [(12,)]


def test_a_target_of_a_newer_program_is_refused(small: Lake, synced: str) -> None:
    """A newer schema is not changed."""
    by_hand(synced, "UPDATE factorlab_lake_target SET schema_version = 99")
    by_hand(synced, "UPDATE factorlab_lake_target SET program_version = '9.1.0'")
    with pytest.raises(SchemaMismatch, match=r"version 99 .* factorlab-lake 9\.1\.0 wrote it: upgrade"):
        small.sync(synced)


def test_an_older_schema_is_upgraded_step_by_step(small: Lake, synced: str) -> None:
    """Each step that a target lacks runs once, in order."""
    steps = [*install.STEPS, lambda: ["CREATE TABLE a (x int)"], lambda: ["ALTER TABLE a ADD COLUMN y int"]]
    con, _ = connect(Address.parse(synced))
    with con:
        for _ in range(2):
            lake_id = layouts.find(small.path).lake_id
            install.prepare(con, lake_id, lambda _spec, _columns: [], target="it", steps=steps)
        assert con.execute("SELECT schema_version FROM factorlab_lake_target").fetchone() == (len(steps),)
        assert con.execute("SELECT y FROM a").fetchall() == []


def test_the_printed_script_runs_unchanged(small: Lake, database: str) -> None:
    """`sync --print-sql` creates everything in an empty database; a writer can sync, a reader only read."""
    by_hand(database, run("sync", "--print-sql", "postgresql://").out)
    user = database.rpartition("/")[2]
    by_hand(database, f"CREATE ROLE {user} LOGIN PASSWORD 'w' IN ROLE factorlab_writer")
    reader = f"{user}_r"
    by_hand(database, f"CREATE ROLE {reader} LOGIN PASSWORD 'r' IN ROLE factorlab_reader")
    place = database.rpartition("@")[2]
    assert small.sync(f"postgresql://{user}:w@{place}", verify_deep=True).clean
    assert by_hand(f"postgresql://{reader}:r@{place}", "SELECT count(*) FROM price_data") == [(12,)]
    assert small.sync(database).sent == 0
    by_hand(database, f"DROP ROLE {user}; DROP ROLE {reader}")


def test_the_script_creates_every_table(database: str) -> None:
    """The script has a CREATE TABLE for every table of the lake."""
    script = install.script()
    assert all(f'CREATE TABLE IF NOT EXISTS "{name}"' in script for name in TABLES)
