"""Tests of servers whose tables have other columns than the lake."""

from __future__ import annotations

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import SchemaMismatch, TargetFailed
from factorlab_lake.lake import Lake
from factorlab_lake.schema.derived_tables import DERIVED_TABLES
from factorlab_lake.sync import engine
from tests.support import LATER, Entry, arrive, bar
from tests.unit.sync.comparing import assert_equal, by_hand

_MISMATCHES = {
    "another type": (
        "ALTER TABLE dividends ALTER COLUMN record_date TYPE text",
        r"dividends\.record_date at .*: got text, expected date",
    ),
    "no key column": (
        "ALTER TABLE dividends DROP COLUMN date CASCADE",
        r"dividends\.date at .*: got no such column, expected date",
    ),
    "no partition column": (
        "ALTER TABLE vendor_market_caps DROP COLUMN year CASCADE",
        r"vendor_market_caps\.year at .*: got no such column, expected integer",
    ),
    "no digest": (
        "ALTER TABLE dividends DROP COLUMN row_hash CASCADE",
        r"dividends\.row_hash at .*: got no such column, expected bigint",
    ),
    "an unknown key column": (
        (
            "ALTER TABLE splits DROP CONSTRAINT splits_pkey, ADD COLUMN venue text DEFAULT 'XNAS', "
            "ADD PRIMARY KEY (symbol, date, event, venue)"
        ),
        r"the primary key of splits at .*venue\), expected \(",
    ),
}

_UNTRUSTED = "SELECT table_name, batch FROM factorlab_lake_ledger WHERE row_count = -1"


@pytest.fixture
def synced(small: Lake, database: str) -> str:
    """Return the address of a target that has the small lake."""
    small.sync(database)
    return database


@pytest.mark.first_cases(2)
@pytest.mark.parametrize(("statement", "message"), _MISMATCHES.values(), ids=_MISMATCHES)
def test_what_cannot_be_added_is_refused(small: Lake, synced: str, statement: str, message: str) -> None:
    """The error names the column, both types and the program version; the server stays as it was."""
    by_hand(synced, statement)
    with pytest.raises(SchemaMismatch, match=message) as caught:
        small.sync(synced)
    [[version]] = by_hand(synced, "SELECT program_version FROM factorlab_lake_target")
    assert caught.value.facts["written_by"] == version
    assert f"factorlab-lake {version} synced it last. Nothing was changed." in str(caught.value)


def test_a_column_that_is_null_in_the_lake_is_added_without_sending_rows(small: Lake, synced: str) -> None:
    """A column that the lake has no values of costs one ALTER TABLE."""
    assert small.sql("SELECT count(vwap) AS n FROM price_data")["n"].item() == 0
    by_hand(synced, "ALTER TABLE price_data DROP COLUMN vwap CASCADE")
    report = small.sync(synced)
    assert (report.clean, report.sent, report.removed) == (True, 0, 0)
    assert small.sync(synced, verify_deep=True).clean
    assert_equal(small, synced)


def test_a_table_that_a_newer_version_added_is_created(small: Lake, synced: str) -> None:
    """A server of an older version gets the table with its triggers, and then its rows."""
    by_hand(synced, "DROP TABLE symbol_history CASCADE")
    by_hand(synced, "CREATE VIEW multi_class_symbols AS SELECT DISTINCT symbol FROM company_symbols")
    by_hand(synced, "DELETE FROM factorlab_lake_written WHERE table_name = 'symbol_history'")
    small.load("symbol_history", {"symbol": ["AAA"], "company_id": ["1"], "valid_from": ["2018-01-02"]})
    report = small.sync(synced)
    sent = {t.table for t in report.tables if t.sent} - DERIVED_TABLES.keys()
    assert (report.clean, sent) == (True, {"symbol_history", "data_fetch_log"})
    assert_equal(small, synced)
    by_hand(synced, "UPDATE symbol_history SET company_id = '2'")
    assert not small.sync(synced).clean


def test_a_table_that_was_dropped_is_refused(small: Lake, synced: str) -> None:
    """A dropped table is damage: the sync says so, because its ledger still lists the rows."""
    by_hand(synced, "DROP TABLE dividends CASCADE")
    with pytest.raises(SchemaMismatch, match=r"dividends\.symbol at .*: got no such column, expected text"):
        small.sync(synced)


def test_a_key_that_has_more_columns_now_is_upgraded(small: Lake, synced: str) -> None:
    """A server from before events gets their number and the new key; its rows are not sent again."""
    rows = {"symbol": ["AAA"] * 2, "date": ["2019-06-10"] * 2, "dividend": [0.5, 0.7]}
    for table in ("splits", "dividends"):
        by_hand(synced, f"ALTER TABLE {table} DROP COLUMN event CASCADE, DROP COLUMN retracted_at CASCADE")
        by_hand(synced, f"ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY (symbol, date)")
    report = small.sync(synced)
    assert (report.clean, report.sent, report.removed) == (True, 0, 0)
    small.load("dividends", rows)
    assert small.sync(synced).clean
    query = "SELECT event, dividend FROM dividends WHERE symbol = 'AAA' AND date = '2019-06-10' ORDER BY 1"
    assert by_hand(synced, query) == [(1, 0.5), (2, 0.7)]
    assert_equal(small, synced)


def test_a_dropped_column_comes_back_with_its_values(small: Lake, synced: str) -> None:
    """Row digests ignore NULL and agree, so the values are compared and the rows that lack one are sent."""
    before = by_hand(synced, "SELECT symbol, date, close_price FROM price_data ORDER BY 1, 2")
    by_hand(synced, "UPDATE factorlab_lake_written SET verified = writes, verified_at = now()")
    by_hand(synced, "ALTER TABLE price_data DROP COLUMN close_price CASCADE")
    report = small.sync(synced)
    assert (report.clean, report.sent, report.removed) == (True, 12, 0)
    assert {t.table for t in report.tables if t.sent} == {"price_data"}
    assert by_hand(synced, "SELECT symbol, date, close_price FROM price_data ORDER BY 1, 2") == before
    assert all(close is not None for _, _, close in before)
    assert small.sync(synced, verify_deep=True).clean
    assert_equal(small, synced)
    assert small.sync(synced).sent == 0


def test_only_batches_with_values_are_compared(small: Lake, synced: str) -> None:
    """A column with values in one year causes no comparison of the other years."""
    bars = [{**bar("2020-01-07", 1.0), "vwap": 3.5}]
    arrive(small, small.path.parent, Entry("AAA", "price", bars, cached_at=LATER))
    assert small.sync(synced).clean
    by_hand(synced, "ALTER TABLE price_data DROP COLUMN vwap CASCADE")
    untrusted = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine._Run, "send", lambda _run: untrusted.extend(by_hand(synced, _UNTRUSTED)))
        small.sync(synced)
    assert untrusted == [("price_data", "2020")]
    report = small.sync(synced)
    assert (report.clean, report.sent) == (True, 1)
    assert small.sync(synced, verify_deep=True).clean
    assert_equal(small, synced)


def test_a_sync_killed_after_the_column_was_added_is_completed_by_the_next(
    small: Lake, synced: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger marks the batches in the transaction that adds the column."""
    by_hand(synced, "ALTER TABLE price_data DROP COLUMN close_price CASCADE")
    with monkeypatch.context() as patch:
        patch.setattr(engine._Run, "send", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            small.sync(synced)
    assert by_hand(synced, "SELECT count(*), count(close_price) FROM price_data") == [(12, 0)]
    report = small.sync(synced)
    assert (report.clean, report.sent) == (True, 12)
    assert_equal(small, synced)


_NAMED = "SELECT count(*), count(created_at), count(updated_at) FROM price_data"


def test_an_older_server_gets_the_other_names_of_columns(small: Lake, synced: str) -> None:
    """They are generated from columns that it has, so no row is sent."""
    by_hand(synced, "DROP FUNCTION adjusted_prices, lake_functions_digest")  # both were others
    by_hand(synced, "ALTER TABLE price_data DROP COLUMN created_at, DROP COLUMN updated_at")
    by_hand(synced, "UPDATE factorlab_lake_target SET schema_version = 6")
    report = small.sync(synced)
    assert (report.clean, report.sent) == (True, 0)
    assert by_hand(synced, _NAMED) == [(12, 12, 12)]
    assert_equal(small, synced)


def test_a_dropped_column_comes_back_with_its_other_names(small: Lake, synced: str) -> None:
    """DROP COLUMN … CASCADE drops the columns that are generated from it."""
    by_hand(synced, "ALTER TABLE price_data DROP COLUMN recorded_at CASCADE")
    assert small.sync(synced).clean
    assert by_hand(synced, _NAMED) == [(12, 12, 12)]


def test_rows_that_changed_meanwhile_arrive_with_the_column(small: Lake, synced: str) -> None:
    """A column is added and newer rows are sent by one sync."""
    by_hand(synced, "ALTER TABLE price_data DROP COLUMN close_price CASCADE")
    bars = [bar("2019-01-03", 7.0), bar("2020-01-07", 1.0)]
    arrive(small, small.path.parent, Entry("AAA", "price", bars, cached_at=LATER))
    assert small.sync(synced).clean
    assert small.sync(synced, verify_deep=True).clean
    assert_equal(small, synced)


def test_views_and_functions_of_a_dropped_column_are_installed_again(small: Lake, synced: str) -> None:
    """DROP COLUMN … CASCADE drops views; the digest of the functions alone would not show that."""
    days = ["2018-01-04", "2019-01-04"]
    expected = small.statements("AAA", as_of="2019-12-31")
    by_hand(synced, "ALTER TABLE income_statements DROP COLUMN revenue CASCADE")
    assert by_hand(synced, "SELECT to_regclass('financial_statements')") == [(None,)]
    assert small.sync(synced).clean
    with fl.open(synced) as shared:
        assert shared.statements("AAA", as_of="2019-12-31").equals(expected)
        assert shared.prices("AAA", *days).height == small.prices("AAA", *days).height > 0


def test_a_writer_that_is_not_the_owner_is_told_who_can_upgrade(small: Lake, synced: str) -> None:
    """ADD COLUMN needs the owner of the table; nothing changes until the owner syncs."""
    user = synced.rpartition("/")[2]
    by_hand(synced, "ALTER TABLE price_data DROP COLUMN vwap CASCADE")
    by_hand(synced, f"CREATE ROLE {user} LOGIN PASSWORD 'w0rd'; GRANT USAGE ON SCHEMA public TO {user}")
    by_hand(synced, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}")
    with pytest.raises(TargetFailed, match=r"owner of table price_data.* sync once as that user"):
        small.sync(f"postgresql://{user}:w0rd@{synced.rpartition('@')[2]}")
    assert small.sync(synced).clean
    by_hand(synced, f"DROP OWNED BY {user}; DROP ROLE {user}")


def _interrupt(run: object) -> None:
    raise KeyboardInterrupt
