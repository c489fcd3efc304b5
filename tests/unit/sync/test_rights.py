"""Test that no role gets the rights or rows of another role from the objects that a sync creates."""

from __future__ import annotations

import lzma
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from factorlab_lake.sync.postgres import install
from tests.contracts.pair import assert_same_rows, method_call
from tests.support import ROOT
from tests.unit.sync.comparing import by_hand

# A trigger function of a reader notes whose rights it has, where the lake's trigger function updates a table.
_ATTACK = """
CREATE TEMP TABLE noted (role text);
CREATE TEMP TABLE factorlab_lake_written (table_name text, writes bigint);
INSERT INTO pg_temp.factorlab_lake_written VALUES ('bait', 0);
CREATE TEMP TABLE bait (x integer);
CREATE FUNCTION pg_temp.note() RETURNS trigger LANGUAGE plpgsql AS $note$
BEGIN
  INSERT INTO pg_temp.noted VALUES (current_user);
  RETURN NEW;
END
$note$;
CREATE TRIGGER note BEFORE UPDATE ON pg_temp.factorlab_lake_written
FOR EACH ROW EXECUTE FUNCTION pg_temp.note();
CREATE TRIGGER bait AFTER INSERT ON pg_temp.bait EXECUTE FUNCTION factorlab_lake_wrote();
INSERT INTO pg_temp.bait VALUES (1);
"""
_WRITES = "SELECT writes FROM factorlab_lake_written WHERE table_name = 'splits'"
_NAMES = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
_DEFINERS = (
    "SELECT oid::regprocedure::text FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
)


@pytest.fixture
def synced(small: Lake, database: str) -> str:
    """Return the address of a target that has the small lake, with the roles of the printed script."""
    small.sync(database)
    by_hand(database, install.roles())
    return database


@pytest.fixture
def reader(synced: str) -> Iterator[str]:
    """Yield the address of a login that may only read."""
    name = synced.rpartition("/")[2] + "_r"
    by_hand(synced, f"CREATE ROLE {name} LOGIN PASSWORD 'r' IN ROLE factorlab_reader")
    yield f"postgresql://{name}:r@{synced.rpartition('@')[2]}"
    by_hand(synced, f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_reader_checks_the_lake_without_its_folder(reader: str, small: Lake) -> None:
    """Quality and coverage read tables alone, so the role of researchers suffices."""
    with fl.open(reader) as lake:
        assert_same_rows(small.coverage(), lake.coverage())
        assert_same_rows(small.quality(), lake.quality())


def test_a_reader_cannot_use_the_function_of_the_triggers(reader: str) -> None:
    """A trigger on a reader's temporary table would run the function; creating the trigger is refused."""
    with (
        psycopg.connect(reader) as con,
        pytest.raises(errors.InsufficientPrivilege, match="factorlab_lake_wrote"),
    ):
        con.execute(_ATTACK.encode())


def test_a_trigger_of_a_reader_has_the_rights_of_the_reader(reader: str, synced: str) -> None:
    """Even if an administrator permits such a trigger, its function runs with the rights of the reader."""
    by_hand(synced, "GRANT EXECUTE ON FUNCTION factorlab_lake_wrote() TO PUBLIC")
    with psycopg.connect(reader) as con:
        con.execute(_ATTACK.encode())
        assert con.execute("SELECT role = session_user FROM pg_temp.noted").fetchall() == [(True,)]


def test_no_function_runs_with_the_rights_of_its_owner(synced: str) -> None:
    """No function in the schema of the lake is SECURITY DEFINER."""
    assert {"market_caps", "factorlab_lake_wrote"} <= {name for (name,) in by_hand(synced, _NAMES)}
    assert by_hand(synced, _DEFINERS) == []


@pytest.mark.parametrize("release", ["0_1", "0_2"])
def test_the_next_sync_mends_a_server_of_a_release(release: str, tmp_path: Path, database: str) -> None:
    """An upgrade removes the owner's rights from the trigger function; all users keep their rights."""
    compat = ROOT / "tests" / "compat"
    by_hand(database, lzma.decompress((compat / f"server_{release}.sql.xz").read_bytes()).decode())
    assert by_hand(database, _DEFINERS) == [("factorlab_lake_wrote()",)]
    writer = database.rpartition("/")[2] + "_w"
    by_hand(
        database,
        f"CREATE ROLE {writer} LOGIN PASSWORD 'w'; GRANT SELECT, DELETE ON splits TO {writer}; "
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {writer}",
    )
    zipfile.ZipFile(compat / f"lake_{release}.zip").extractall(tmp_path / "lake")
    lake = fl.open(tmp_path / "lake")
    assert lake.sync(database).clean
    assert by_hand(database, _DEFINERS) == []
    with fl.open(f"postgresql://{writer}:w@{database.rpartition('@')[2]}") as shared:
        symbols = lake.sql("SELECT DISTINCT symbol FROM income_statements")["symbol"].to_list()
        for method in ("ratios", "statements", "quarters"):
            question = method_call(method, symbols)
            assert not question(lake).is_empty()
            assert_same_rows(question(lake), question(shared))
    before = by_hand(database, _WRITES)
    by_hand(f"postgresql://{writer}:w@{database.rpartition('@')[2]}", "DELETE FROM splits")
    assert by_hand(database, _WRITES) == [(before[0][0] + 1,)]
    by_hand(database, f"DROP OWNED BY {writer}; DROP ROLE {writer}")


def test_a_writer_without_the_right_to_count_is_told_which_grant_it_needs(reader: str, synced: str) -> None:
    """A write that could not be counted is refused, and the hint is the statement that permits it."""
    name = reader.partition("//")[2].partition(":")[0]
    by_hand(synced, f"GRANT DELETE ON splits TO {name}")
    with pytest.raises(errors.InsufficientPrivilege) as refused:
        by_hand(reader, "DELETE FROM splits")
    assert refused.value.diag.message_hint is not None
    by_hand(synced, refused.value.diag.message_hint)
    by_hand(reader, "DELETE FROM splits")
