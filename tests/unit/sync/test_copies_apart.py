"""Test two copies of one lake that each went on by themselves: they are told apart, and refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import AlreadyExists, InvalidInput
from factorlab_lake.lake import Lake
from tests.support import copy_of, table_rows, writing
from tests.unit.sync.comparing import assert_equal, by_hand


def _grow(lake: Lake, *symbols: str) -> None:
    for symbol in symbols:
        row = {"symbol": symbol, "date": date(2020, 1, 2), "numerator": 2.0, "denominator": 1.0}
        with writing(lake) as tx:
            tx.append("splits", table_rows("splits", [row]))
    lake.refresh()


@pytest.fixture
def copies(lake: Lake, tmp_path: Path) -> tuple[Lake, Lake]:
    """Return two copies of a lake that differ from snapshot 2 on."""
    _grow(lake, "BOTH")
    other = copy_of(lake, tmp_path / "other")
    _grow(lake, "ONE")
    _grow(other, "TWO")
    return lake, other


def test_the_second_copy_is_refused_and_the_rows_of_the_first_stay(
    copies: tuple[Lake, Lake], database: str
) -> None:
    """A sync of the other copy raises before it writes, at the same snapshot number and at a later one."""
    one, two = copies
    assert one.sync(database).clean
    for symbols in ((), ("LATER",)):
        _grow(two, *symbols)
        with pytest.raises(
            InvalidInput, match=r"received snapshot \d of another copy of this lake"
        ) as caught:
            two.sync(database)
        assert caught.value.facts["snapshot"] == one.snapshot.id
        assert_equal(one, database)
    _grow(one, "NEXT")
    assert one.sync(database).clean


def test_a_repair_makes_the_target_equal_to_the_other_copy(copies: tuple[Lake, Lake], database: str) -> None:
    """With repair, the other copy wins: its rows replace those of the first, and its next sync is clean."""
    one, two = copies
    one.sync(database)
    assert two.sync(database, repair=True).clean
    assert_equal(two, database)
    assert two.sync(database).clean
    with pytest.raises(InvalidInput, match="another copy"):
        one.sync(database)


def test_a_batch_of_another_copy_is_refused_in_the_middle_of_a_sync(
    copies: tuple[Lake, Lake], database: str
) -> None:
    """Of two copies that sync at once, the second sees the other's ledger line when it locks a table."""
    one, two = copies
    two.sync(database)
    by_hand(database, "UPDATE factorlab_lake_ledger SET snapshot_digest = NULL, row_hashes = row_hashes + 1")

    def meanwhile(*, files_done: int, files_total: int, records: int, step: str = "") -> None:
        """Write what the other copy's sync would write after the check."""
        by_hand(database, "UPDATE factorlab_lake_ledger SET snapshot_digest = 'other'")

    _grow(one, "NEXT")
    with pytest.raises(InvalidInput, match="another copy"):
        one.sync(database, progress=meanwhile)


def test_a_target_of_an_early_program_is_followed(copies: tuple[Lake, Lake], database: str) -> None:
    """Ledger lines without a digest of the snapshot are accepted, and the next ones have it."""
    one, _ = copies
    one.sync(database)
    by_hand(database, "UPDATE factorlab_lake_ledger SET snapshot_digest = NULL")
    _grow(one, "NEXT")
    assert one.sync(database).clean
    newest = "SELECT snapshot_digest FROM factorlab_lake_ledger ORDER BY snapshot DESC LIMIT 1"
    [(digest,)] = by_hand(database, newest)
    assert digest == fl.open(one.path).snapshot.digest


def test_a_backup_of_the_other_copy_is_refused(copies: tuple[Lake, Lake], tmp_path: Path) -> None:
    """A backup into the other's folder and a repair from it are refused, so the two never mix."""
    one, two = copies
    two.backup(tmp_path / "kept")
    with pytest.raises(AlreadyExists, match="another history of this lake"):
        one.backup(tmp_path / "kept")
    with pytest.raises(InvalidInput, match=r"backup of another copy of this lake: their snapshots \d differ"):
        fl.repair(one.path, backup=tmp_path / "kept")
