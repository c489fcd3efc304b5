"""Test that a table's key is built at the end of its first load, however often that is interrupted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from factorlab_lake.errors import TargetFailed
from factorlab_lake.lake import Lake
from factorlab_lake.sync import engine
from factorlab_lake.sync.postgres import install
from tests.support import LATER, Entry, arrive, bar
from tests.unit.sync.comparing import assert_equal, by_hand

_KEYS = "SELECT count(*) FROM pg_constraint WHERE contype = 'p' AND conrelid = 'price_data'::regclass"


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat every table with rows as large."""
    monkeypatch.setattr(engine, "_LARGE_ROWS", 1)


class _Stop(Exception):
    """Stops a sync as the end of the program would."""


def _after_first_year(database: str, act: Callable[[], object]) -> Callable[..., None]:
    """Return a progress function that acts after the bars of one of two years were sent."""

    def progress(**_: int) -> None:
        if by_hand(database, "SELECT count(*) FROM price_data") == [(6,)]:
            act()

    return progress


def _cut_off(lake: Lake, database: str) -> None:
    def stop() -> None:
        raise _Stop

    with pytest.raises(_Stop):
        lake.sync(database, progress=_after_first_year(database, stop))


def test_a_large_table_gets_its_key_after_all_rows(small: Lake, database: str) -> None:
    """The table has no key during the load; at the end the key has its usual name."""
    seen: list[object] = []
    look = _after_first_year(database, lambda: seen.extend(by_hand(database, _KEYS)))
    assert small.sync(database, progress=look).clean
    assert seen[0] == (0,)
    assert by_hand(database, _KEYS) == [(1,)]
    assert by_hand(database, "SELECT to_regclass('price_data_pkey')::text") == [("price_data_pkey",)]
    assert_equal(small, database)


def test_an_interrupted_first_load_is_completed_by_the_next_sync(small: Lake, database: str) -> None:
    """The rows that were sent stay, without a key; the next sync sends the rest and builds the key."""
    _cut_off(small, database)
    assert by_hand(database, _KEYS) == [(0,)]
    assert small.sync(database, verify_deep=True).clean
    assert by_hand(database, _KEYS) == [(1,)]
    assert_equal(small, database)


def test_an_upsert_after_an_interrupted_load_builds_the_key(
    small: Lake, database: str, tmp_path: Path
) -> None:
    """An upsert needs the key, so the key is built before it."""
    _cut_off(small, database)
    [(year,)] = by_hand(database, "SELECT DISTINCT year FROM price_data")
    arrive(small, tmp_path, Entry("AAA", "price", [bar(f"{year}-01-03", 7.0)], cached_at=LATER))
    assert small.sync(database, verify_deep=True).clean
    assert by_hand(database, _KEYS) == [(1,)]
    assert_equal(small, database)


def test_duplicate_rows_of_another_program_are_reported_and_repaired(small: Lake, database: str) -> None:
    """Without a key the server accepts duplicates; the steps in the error message repair them."""
    columns = "symbol, date, year"
    again = f"INSERT INTO price_data ({columns}) SELECT {columns} FROM price_data WHERE symbol = 'AAA'"
    with pytest.raises(TargetFailed, match="TRUNCATE price_data on the server, then sync with repair"):
        small.sync(database, progress=_after_first_year(database, lambda: by_hand(database, again)))
    by_hand(database, "TRUNCATE price_data")
    assert small.sync(database, repair=True).clean
    assert by_hand(database, _KEYS) == [(1,)]
    assert_equal(small, database)


@pytest.mark.parametrize(
    "built",
    [
        "CREATE TABLE mine (symbol text, date date, FOREIGN KEY (symbol, date) REFERENCES price_data)",
        "CREATE VIEW mine AS SELECT symbol, date, volume FROM price_data GROUP BY symbol, date",
    ],
    ids=["a foreign key", "a view"],
)
def test_a_key_that_a_user_object_needs_stays(small: Lake, database: str, built: str) -> None:
    """The load is slower, and the user's object stays."""
    by_hand(database, install.script())
    by_hand(database, built)
    seen: list[object] = []
    look = _after_first_year(database, lambda: seen.extend(by_hand(database, _KEYS)))
    assert small.sync(database, progress=look).clean
    assert seen[0] == (1,)
