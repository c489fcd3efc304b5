"""Test that lakes and servers of released programs work, and return the recorded answers."""

from __future__ import annotations

import json
import lzma
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest

import factorlab_lake as fl
from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.schema import TABLES
from tests.compat.changed_answers import as_answered_now
from tests.compat.make_fixture import answers
from tests.unit.sync.comparing import assert_equal, by_hand

HERE = Path(__file__).parent
RELEASES = sorted(path.stem.removeprefix("lake_") for path in HERE.glob("lake_*.zip"))
SERVERS = sorted(
    path.name.removesuffix(".sql.xz").removeprefix("server_") for path in HERE.glob("server_*.xz")
)


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """Return the name of a release whose lake is kept here."""
    name: str = request.param
    return name


@pytest.fixture
def folder(release: str, tmp_path: Path) -> Path:
    """Unpack the lake that a release wrote."""
    return _unpacked(release, tmp_path)


def _unpacked(release: str, tmp_path: Path) -> Path:
    zipfile.ZipFile(HERE / f"lake_{release}.zip").extractall(tmp_path / "lake")
    return tmp_path / "lake"


def _answers(release: str) -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads((HERE / f"answers_{release}.json").read_text(encoding="utf-8"))
    return as_answered_now(release, recorded)


def test_answers_are_the_released_ones(folder: Path, release: str) -> None:
    """Counts, the pinned snapshot and answers are as the release recorded them, but for named changes."""
    lake, recorded = fl.open(folder), _answers(release)
    for name, rows in answers(lake).items():
        assert _as_recorded(rows, recorded[name]) == recorded[name]
    assert recorded["counts"].items() <= _counts(lake).items()
    for table, rows in recorded["at_first"].items():
        assert lake.at("first").sql(f"SELECT count(*) AS n FROM {table}")["n"][0] == rows


def test_it_can_be_changed(folder: Path, tmp_path: Path) -> None:
    """It can be appended to, compacted, verified, backed up and restored."""
    lake = fl.open(folder)
    split = {"symbol": ["AAPL"], "date": ["2022-01-03"], "numerator": [2.0], "denominator": [1.0]}
    lake.load("splits", pl.DataFrame(split).with_columns(pl.col("date").str.to_date()))
    lake.compact()
    assert lake.verify(deep=True).clean
    lake.backup(tmp_path / "kept")
    restored = fl.restore(tmp_path / "kept", tmp_path / "restored")
    assert restored.sql("SELECT 1 FROM splits WHERE date = '2022-01-03'").height == 1


@pytest.mark.first_cases(1)
def test_it_is_synced_to_a_server(folder: Path, release: str, database: str) -> None:
    """A new server has equal rows and gives the recorded answers."""
    lake = fl.open(folder)
    assert lake.sync(database).clean
    assert lake.sync(database, verify_deep=True).clean
    assert_equal(lake, database)
    _assert_answers(database, release)


@pytest.mark.parametrize("release", SERVERS)
def test_a_server_of_a_release_is_upgraded(release: str, tmp_path: Path, database: str) -> None:
    """A server that a release synced gets the columns and functions of this program; its rows stay.

    ``server_*.sql.xz`` is a dump of the server with rows and functions, by pg_dump.
    """
    by_hand(database, lzma.decompress((HERE / f"server_{release}.sql.xz").read_bytes()).decode())
    assert _dropped(database, "vendor_market_caps", "market_cap")
    lake = fl.open(_unpacked(release, tmp_path))
    report = lake.sync(database)
    sent = sum(t.sent for t in report.tables if not TABLES[t.table].derived)
    assert (report.clean, sent, report.removed) == (True, 0, 0)
    assert lake.sync(database, verify_deep=True).clean
    assert_equal(lake, database)
    _assert_answers(database, release)


def _dropped(url: str, table: str, column: str) -> bool:
    """Drop a column, as a release that did not have it yet; return whether the table has no rows."""
    assert column in TABLES[table].names()
    with psycopg.connect(url) as con:
        con.execute(f"ALTER TABLE {table} DROP COLUMN {column} CASCADE".encode())
    return by_hand(url, f"SELECT count(*) FROM {table}") == [(0,)]


def _assert_answers(url: str, release: str) -> None:
    recorded = _answers(release)
    with fl.open(url) as shared:
        for name, rows in answers(shared).items():
            assert _rounded(_as_recorded(rows, recorded[name])) == _rounded(recorded[name])
        assert recorded["counts"].items() <= _counts(shared).items()


def _as_recorded(rows: list[dict[str, Any]], recorded: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with the recorded columns; a later program may have more.

    Programs up to 0.2 wrote the reasons of all missing factors into ``reason``; now each factor has its own.
    """
    result = [{name: row[name] for name in recorded[0]} for row in rows]
    for one, row, old in zip(result, rows, recorded, strict=True):
        if "reasons" in row and "reasons" not in old:
            missing = {name for name, value in old.items() if value is None} - {"reason", "market_cap"}
            assert json.loads(row["reasons"] or "{}").keys() == missing & FACTORS.keys()
            assert (row["reasons"] is None) == (old["reason"] is None)
            one["reason"] = old["reason"]
    return result


def _counts(lake: fl.Lake) -> dict[str, int]:
    return {row["table"]: row["rows"] for row in lake.status().to_dicts()}


def _rounded(rows: Any) -> Any:
    """Round numbers to 12 digits, because engines add in another order."""
    if isinstance(rows, float):
        return float(f"{rows:.12g}")
    if isinstance(rows, list):
        return [_rounded(row) for row in rows]
    return {name: _rounded(value) for name, value in rows.items()} if isinstance(rows, dict) else rows
