"""Test that a sync names the objects of the lake which somebody replaced or removed, and repairs them."""

from __future__ import annotations

import psycopg
import pytest

from factorlab_lake.lake import Lake
from factorlab_lake.sync.postgres import install, object_changes
from factorlab_lake.sync.postgres.address import Address
from factorlab_lake.sync.postgres.connection import connect
from tests.unit.sync.comparing import assert_equal, by_hand
from tests.unit.sync.postgres_server import PASSWORD

# The name in the finding, and what somebody does. A repair reverts each.
_REVERTED = {
    "unrounded_close": (
        "CREATE OR REPLACE FUNCTION unrounded_close(close float8, splits_since float8) RETURNS float8 "
        "LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN close * 2"
    ),
    "checked_vintage": "ALTER FUNCTION checked_vintage(text) SECURITY DEFINER",
    "market_caps": "ALTER FUNCTION market_caps SET work_mem = '1MB'",
    "product": "DROP AGGREGATE product(float8) CASCADE",  # takes adjusted_prices with it
    "adjusted_prices": "SELECT 1",
    "sectors": "ALTER VIEW sectors SET (security_barrier)",
    "factorlab_lake_edited": (
        "CREATE OR REPLACE FUNCTION factorlab_lake_edited() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RETURN NEW; END'"
    ),
    "splits.factorlab_lake_wrote": "DROP TRIGGER factorlab_lake_wrote ON splits",
    "price_data.factorlab_lake_edited": "ALTER TABLE price_data DISABLE TRIGGER factorlab_lake_edited",
    "dividends.event": "ALTER TABLE dividends ALTER event SET DEFAULT 7",
}
_TRIGGER = "CREATE TRIGGER {} {} UPDATE ON price_data EXECUTE FUNCTION suppress_redundant_updates_trigger()"
# The finding has the statement that reverts it.
_LEFT = {
    "price_data.before": _TRIGGER.format("before", "BEFORE"),
    "splits.quiet": "CREATE RULE quiet AS ON DELETE TO splits DO INSTEAD NOTHING",
    "price_data": "ALTER TABLE price_data ENABLE ROW LEVEL SECURITY",
    "dividends": "GRANT DELETE ON dividends TO PUBLIC",
}
_WARNED = {
    "price_data_date_idx": "DROP INDEX price_data_date_idx",
    "price_data.after": _TRIGGER.format("after", "AFTER"),
    "pg_monitor": "GRANT TRIGGER ON splits TO pg_monitor",
    "public": "GRANT CREATE ON SCHEMA public TO PUBLIC",
}


def test_a_repair_installs_what_somebody_replaced_or_removed(small: Lake, database: str) -> None:
    """Each change is named by every sync until a repair; then all is as before."""
    assert small.sync(database).clean
    for statement in _REVERTED.values():
        by_hand(database, statement)
    report = small.sync(database)
    assert {f.table for f in report.findings} == _REVERTED.keys()
    assert small.sync(database).findings == report.findings
    repaired = small.sync(database, repair=True)
    assert (repaired.clean, repaired.repaired) == (True, report.findings)
    assert small.sync(database).clean


def test_the_named_statements_remove_what_somebody_added(small: Lake, database: str) -> None:
    """Triggers, rules, row security and rights stay until their owner removes them; lesser ones warn."""
    by_hand(
        database, "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    )  # a new database of PostgreSQL 14 grants it
    before = small.sync(database).warnings
    for statement in (*_LEFT.values(), *_WARNED.values()):
        by_hand(database, statement)
    report = small.sync(database, repair=True)
    assert {f.table for f in report.findings} == _LEFT.keys()
    warned = [text for text in report.warnings if text not in before]
    assert {text.partition(":")[0] for text in warned} == _WARNED.keys()
    for text in (*(f.what for f in report.findings), *(text.partition(": ")[2] for text in warned)):
        by_hand(database, text.partition(": ")[2])
    after = small.sync(database)
    assert (after.clean, after.warnings) == (True, before)


def test_rows_edited_while_a_trigger_was_missing_are_repaired(small: Lake, database: str) -> None:
    """Without the trigger an edited row keeps its hash; the repair of the trigger compares the values."""
    small.sync(database)
    by_hand(database, "ALTER TABLE price_data DISABLE TRIGGER USER; UPDATE price_data SET close_price = 1")
    assert [f.batch for f in small.sync(database).findings] == ["objects", "objects"]
    assert small.sync(database, repair=True).clean
    assert_equal(small, database)


def test_only_the_owner_repairs_and_writes_the_record(small: Lake, database: str) -> None:
    """A writer sees the finding and leaves it; its rights do not reach the record."""
    small.sync(database)
    by_hand(database, install.roles())
    by_hand(database, _REVERTED["unrounded_close"])
    writer = database.rpartition("/")[2] + "_w"
    by_hand(database, f"CREATE ROLE {writer} LOGIN PASSWORD '{PASSWORD}' IN ROLE factorlab_writer")
    url = f"postgresql://{writer}:{PASSWORD}@{database.rpartition('@')[2]}"
    assert [f.table for f in small.sync(url, repair=True).findings] == ["unrounded_close"]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        by_hand(url, "UPDATE factorlab_lake_installed SET definition = ''")
    assert small.sync(database, repair=True).clean
    by_hand(database, f"DROP ROLE {writer}")


def test_the_settings_of_a_session_change_no_definition(small: Lake, database: str) -> None:
    """The printed script and a sync record the same; other schemas and settings do not matter."""
    by_hand(database, install.script())
    recorded = "SELECT kind, name, definition FROM factorlab_lake_installed ORDER BY 1, 2"
    printed = by_hand(database, recorded)
    assert len(printed) > len(object_changes.TRIGGERS)
    name = database.rpartition("/")[2]
    by_hand(
        database,
        f"ALTER DATABASE {name} SET DateStyle = 'SQL, DMY'; CREATE SCHEMA x; "
        f"ALTER DATABASE {name} SET search_path = public, x; "
        "CREATE FUNCTION x.upper(text) RETURNS text LANGUAGE sql RETURN ''",
    )
    assert small.sync(database).clean
    con, _ = connect(Address.parse(database))
    with con:
        con.execute(object_changes.record().encode())
    assert by_hand(database, recorded) == printed
