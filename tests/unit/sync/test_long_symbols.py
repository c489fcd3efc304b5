"""Test the sync of a lake in which an early version stored symbols that are longer than a symbol can be."""

from __future__ import annotations

import random

import pytest

import factorlab_lake as fl
from factorlab_lake.ingest import row_checks
from factorlab_lake.lake import Lake
from tests.unit.cli.running import run
from tests.unit.sync.comparing import by_hand

_LONG = "".join(
    random.Random(7).choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=20_000)
)  # too long for an index
_SPLITS = {"date": ["2018-06-01"] * 3, "numerator": [2.0] * 3, "denominator": [1.0] * 3}


@pytest.fixture
def old(small: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Return a lake with splits of a symbol of 65 characters and of one of 20,000."""
    monkeypatch.setattr(row_checks, "MAX_SYMBOL_LENGTH", len(_LONG))
    small.load("splits", {"symbol": ["CCC", "B" * 65, _LONG], **_SPLITS})
    monkeypatch.undo()
    return fl.open(small.path)


def test_rows_of_symbols_that_are_too_long_are_named_and_all_others_are_sent(
    old: Lake, database: str
) -> None:
    """Each sync warns about them in one line for each table; the verification is clean, also a deep one."""
    for report in (old.sync(database), old.sync(database, verify_deep=True)):
        assert report.clean
        [warning] = (text for text in report.warnings if "of splits" in text)
        assert warning.startswith(
            "2 rows of splits were not sent: a symbol has at most 64 characters, got BBBB"
        )
        assert f"{_LONG[:24]}… (20,000 characters)" in warning
        assert len(warning) < 500
    assert by_hand(database, "SELECT symbol FROM splits ORDER BY 1") == [("CCC",)]
    assert by_hand(database, "SELECT count(*) FROM price_data") == [(12,)]


def test_the_command_shows_the_warning_and_ends_with_0(old: Lake, database: str) -> None:
    """Rows that no server can store are no difference that a repair could remove."""
    done = run("--lake", old.path, "sync", database, "--repair")
    assert "warning   2 rows of splits were not sent" in done.out
    old.load("splits", {"symbol": ["DDD"], "date": ["2018-06-01"], "numerator": [2.0], "denominator": [1.0]})
    assert old.sync(database).clean
    assert by_hand(database, "SELECT symbol FROM splits ORDER BY 1") == [("CCC",), ("DDD",)]
