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
    """The address of a target that has the small lake."""
    small.sync(database)
    return database


@pytest.mark.parametrize(("statement", "what"), _EDITS.values(), ids=_EDITS)
def test_an_edit_by_hand_is_reported_and_repaired_when_asked(
    small: Lake, synced: str, statement: str, what: str
) -> None:
    """Whatever others did to the rows is found by the next sync, stays without `repair`, and goes with it."""
    by_hand(synced, statement)
    found = small.sync(synced)
    assert not found.clean
    assert {f.table for f in found.findings} == {"price_data"}
    assert what in found.findings[0].what
    assert not small.sync(synced).clean
    repaired = small.sync(synced, repair=True)
    assert (repaired.clean, repaired.repaired) == (True, found.findings)
    assert_equal(small, synced)
    assert small.sync(synced, verify_deep=True).clean


def test_an_edit_behind_the_triggers_is_found_by_a_deep_verification(small: Lake, synced: str) -> None:
    """Values that changed while their stored digest did not are found by comparing the values themselves."""
    by_hand(
        synced,
        "SET session_replication_role = replica; "
        "UPDATE income_statements SET revenue = 1, extra = '{\"a\": 1}' WHERE symbol = 'BBB'",
    )
    assert small.sync(synced).clean
    deep = small.sync(synced, verify_deep=True)
    assert [(f.table, f.what) for f in deep.findings] == [
        ("income_statements", "values of 1 rows differ from the lake's")
    ]
    assert small.sync(synced, verify_deep=True, repair=True).clean
    assert_equal(small, synced)


def test_rows_that_went_behind_the_triggers_are_missed_by_the_next_sync(small: Lake, synced: str) -> None:
    """Tables that are not large are read each time, whatever the triggers counted."""
    by_hand(synced, "SET session_replication_role = replica; DELETE FROM price_data WHERE year = 2018")
    found = small.sync(synced)
    assert [(f.table, f.batch, f.what) for f in found.findings] == [
        ("price_data", "2018", "0 rows, the lake has 6")
    ]


def test_a_large_table_that_nobody_wrote_to_since_it_was_verified_is_not_read_again_for_a_day(
    small: Lake, synced: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delta is read back by itself; rows that went behind the triggers are missed within the day alone."""
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
    found = small.sync(synced)
    assert [(f.table, f.batch, f.what) for f in found.findings] == [
        ("price_data", "2018", "0 rows, the lake has 6")
    ]


def test_the_command_ends_with_3_when_the_target_was_edited(small: Lake, synced: str) -> None:
    """The part that differs is named; `--repair` puts it right, and the command ends with 0 again."""
    lake = ("--lake", small.path)
    by_hand(synced, "DELETE FROM splits; DELETE FROM price_data WHERE year = 2019")
    done = run(*lake, "sync", synced, code=3)
    assert "differs   price_data, 2019: 0 rows, the lake has 6" in done.out
    report = run(*lake, "--json", "sync", synced, code=3).json
    assert report["findings"] == [{"table": "price_data", "batch": "2019", "what": "0 rows, the lake has 6"}]
    assert "repaired  price_data, 2019" in run(*lake, "sync", synced, "--repair").out
    assert "verified  every value: equal to the lake" in run(*lake, "sync", synced, "--verify-deep").out


def test_a_target_belongs_to_one_lake(lake: Lake, synced: str) -> None:
    """Another lake is refused by name, and nothing of the target changes."""
    with pytest.raises(InvalidInput, match="has another lake"):
        lake.sync(synced)
    assert by_hand(synced, "SELECT count(*) FROM price_data") == [(12,)]


def test_a_target_of_a_newer_program_is_refused(small: Lake, synced: str) -> None:
    """A schema this program does not know is left alone."""
    by_hand(synced, "UPDATE factorlab_lake_target SET schema_version = 99")
    by_hand(synced, "UPDATE factorlab_lake_target SET program_version = '9.1.0'")
    with pytest.raises(SchemaMismatch, match=r"version 99 .* factorlab-lake 9\.1\.0 wrote it: upgrade"):
        small.sync(synced)


def test_an_older_schema_is_brought_up_step_by_step(small: Lake, synced: str) -> None:
    """Steps that a target has not seen run once, in order."""
    steps = [*install.STEPS, lambda: ["CREATE TABLE a (x int)"], lambda: ["ALTER TABLE a ADD COLUMN y int"]]
    con, _ = connect(Address.parse(synced))
    with con:
        for _ in range(2):
            lake_id = layouts.find(small.path).lake_id
            install.prepare(con, lake_id, lambda _spec, _columns: [], target="it", steps=steps)
        assert con.execute("SELECT schema_version FROM factorlab_lake_target").fetchone() == (len(steps),)
        assert con.execute("SELECT y FROM a").fetchall() == []


def test_the_printed_script_runs_as_it_is(small: Lake, database: str) -> None:
    """`sync --print-sql` makes all on an empty database; a writer syncs to it and a reader reads, no more."""
    by_hand(database, run("sync", "--print-sql").out)
    user = database.rpartition("/")[2]
    by_hand(database, f"CREATE ROLE {user} LOGIN PASSWORD 'w' IN ROLE factorlab_writer")
    reader = f"{user}_r"
    by_hand(database, f"CREATE ROLE {reader} LOGIN PASSWORD 'r' IN ROLE factorlab_reader")
    place = database.rpartition("@")[2]
    assert small.sync(f"postgresql://{user}:w@{place}", verify_deep=True).clean
    assert by_hand(f"postgresql://{reader}:r@{place}", "SELECT count(*) FROM price_data") == [(12,)]
    assert small.sync(database).sent == 0
    by_hand(database, f"DROP ROLE {user}; DROP ROLE {reader}")


def test_the_script_makes_every_table(database: str) -> None:
    """Nothing of the lake is missing from it."""
    script = install.script()
    assert all(f'CREATE TABLE IF NOT EXISTS "{name}"' in script for name in TABLES)
