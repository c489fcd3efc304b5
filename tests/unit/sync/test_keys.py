"""The key of a table is built at the end of its first load, however often that is cut off."""

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
    """Every table with rows counts as large."""
    monkeypatch.setattr(engine, "_MANY", 1)


class _Stop(Exception):
    """The program ends here."""


def _after_first_year(database: str, act: Callable[[], object]) -> Callable[..., None]:
    """Return what does something once the bars of one year of two are there."""

    def progress(**_: int) -> None:
        if by_hand(database, "SELECT count(*) FROM price_data") == [(6,)]:
            act()

    return progress


def _cut_off(lake: Lake, database: str) -> None:
    def stop() -> None:
        raise _Stop

    with pytest.raises(_Stop):
        lake.sync(database, progress=_after_first_year(database, stop))


def test_a_large_table_gets_its_key_once_all_rows_are_there(small: Lake, database: str) -> None:
    """In the middle there is none; at the end there is, under the name that a table made at once gives it."""
    seen: list[object] = []
    look = _after_first_year(database, lambda: seen.extend(by_hand(database, _KEYS)))
    assert small.sync(database, progress=look).clean
    assert seen[0] == (0,)
    assert by_hand(database, _KEYS) == [(1,)]
    assert by_hand(database, "SELECT to_regclass('price_data_pkey')::text") == [("price_data_pkey",)]
    assert_equal(small, database)


def test_a_first_load_that_was_cut_off_is_ended_by_the_next_sync(small: Lake, database: str) -> None:
    """What was sent stays, without a key; the next sync sends the rest and builds it."""
    _cut_off(small, database)
    assert by_hand(database, _KEYS) == [(0,)]
    assert small.sync(database, verify_deep=True).clean
    assert by_hand(database, _KEYS) == [(1,)]
    assert_equal(small, database)


def test_a_correction_after_a_cut_off_finds_a_key(small: Lake, database: str, tmp_path: Path) -> None:
    """Rows that take the place of others need it: it is built before them."""
    _cut_off(small, database)
    [(year,)] = by_hand(database, "SELECT DISTINCT year FROM price_data")
    arrive(small, tmp_path, Entry("AAA", "price", [bar(f"{year}-01-03", 7.0)], cached_at=LATER))
    assert small.sync(database, verify_deep=True).clean
    assert by_hand(database, _KEYS) == [(1,)]
    assert_equal(small, database)


def test_rows_that_others_wrote_twice_are_named_and_can_be_repaired(small: Lake, database: str) -> None:
    """Without a key the server takes a row again; the message says what to do, and that helps."""
    again = "INSERT INTO price_data SELECT * FROM price_data WHERE symbol = 'AAA'"
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
def test_a_key_that_something_is_built_on_stays(small: Lake, database: str, built: str) -> None:
    """The load is slower then, and nothing of others goes away."""
    by_hand(database, install.script())
    by_hand(database, built)
    seen: list[object] = []
    look = _after_first_year(database, lambda: seen.extend(by_hand(database, _KEYS)))
    assert small.sync(database, progress=look).clean
    assert seen[0] == (1,)
