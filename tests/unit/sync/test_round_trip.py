from __future__ import annotations

from datetime import date
from pathlib import Path

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES
from tests.contracts.pair import assert_same_rows
from tests.support import copy_of, run_python, table_rows, writing
from tests.unit.sync.comparing import assert_equal, by_hand
from tests.unit.sync.postgres_server import Server

_ODD = (
    "BRK.B",
    "0700.HK",
    "600519",
    "CON",
    "O'Neil\"; DROP TABLE splits; --",
    "Ünïcødé 😀",
    "\\N",
    "a\tb\nc",
    "",
)


def test_every_table_of_the_samples_arrives_unchanged(rich: Lake, database: str) -> None:
    """Each value of real data in every table is equal in the target; a second sync sends nothing."""
    first = rich.sync(database)
    assert first.clean
    assert {t.table: t.sent for t in first.tables} == {n: _rows(rich, n) for n in TABLES}
    assert min(t.rows for t in first.tables) > 0
    assert_equal(rich, database)
    again = rich.sync(database, verify_deep=True)
    assert (again.sent, again.removed, again.clean) == (0, 0, True)
    caps = "SELECT market_cap FROM market_caps(ARRAY['AAPL'], ARRAY['2020-06-30'::date])"
    assert by_hand(database, caps) == rich.market_caps(["AAPL"], "2020-06-30").select("market_cap").rows()


def test_a_database_without_an_encoding_keeps_texts(rich: Lake, postgres: Server) -> None:
    """A database with SQL_ASCII, which is the default in the locale C, accepts texts of any language."""
    with postgres.database(encoding="SQL_ASCII") as url:
        assert rich.sync(url, verify_deep=True).clean
        names = "SELECT symbol, company_name FROM company_profiles"
        with fl.open(url) as shared:
            assert shared.sql(names).rows() == rich.sql(names).rows() == [("0700.HK", "騰訊 – “Tencent”")]
            assert_same_rows(
                shared.statements("AAPL", types=["income"]), rich.statements("AAPL", types=["income"])
            )


def _rows(lake: Lake, table: str) -> int:
    count: int = lake.sql(f"SELECT count(*) AS n FROM {table}")["n"][0]
    return count


def test_unusual_symbols_and_values_arrive_unchanged(lake: Lake, database: str) -> None:
    """Texts of any kind, NaN, infinities, -0.0, denormals and numbers of many digits are preserved."""
    numbers = [float("nan"), float("inf"), float("-inf"), -0.0, 5e-324, 0.1 + 0.2, 1e308, 2.0**53 + 1, None]
    rows = [
        {
            "symbol": s,
            "date": date(2010 + i, 2, 28),
            "year": 2010 + i,
            "close_price": x,
            "fetch_id": s or None,
        }
        for i, (s, x) in enumerate(zip(_ODD, numbers, strict=True))
    ]
    with writing(lake) as tx:
        tx.append("price_data", table_rows("price_data", rows))
    lake.refresh()
    assert lake.sync(database, verify_deep=True).clean
    assert_equal(lake, database)
    sign = by_hand(database, "SELECT float8send(close_price) FROM price_data WHERE symbol = 'CON'")
    assert sign == [(bytes([0x80, 0, 0, 0, 0, 0, 0, 0]),)]


def test_texts_that_no_server_stores_arrive_with_a_replacement(lake: Lake, database: str) -> None:
    """A server refuses NUL, and in JSON also NaN, unbounded numbers and half a surrogate pair."""
    extra = (
        r'{"a": NaN, "b": -Infinity, "c": "x\u0000y", "d": "\ud800", "e": 1e999999, "f": 1.50, "g": [1e400]}'
    )
    with writing(lake) as tx:
        row = {"fetch_id": "f", "position": 0, "reason": "a\0b", "record": extra}
        other = {"fetch_id": "f", "position": 1, "reason": "no JSON", "record": "<html>\0"}
        tx.append("rejected_records", table_rows("rejected_records", [row, other]))
    lake.refresh()
    assert lake.sync(database, verify_deep=True).clean
    rows = by_hand(database, "SELECT reason, record FROM rejected_records ORDER BY position")
    cleaned = {"a": "NaN", "b": "-Infinity", "c": "x␀y", "d": "�", "e": "1e999999", "f": 1.5, "g": ["1e400"]}
    assert rows == [("a␀b", cleaned), ("no JSON", "<html>␀")]
    assert lake.sync(database, verify_deep=True).sent == 0


def test_a_copy_of_a_lake_continues_its_syncs(small: Lake, database: str, tmp_path: Path) -> None:
    """A lake can be moved: a sync from the copy sends nothing, with or without cached digests."""
    small.sync(database)
    moved = copy_of(small, tmp_path / "moved")
    for kept in (moved.path / "_lake" / "digests").iterdir():
        kept.write_text("{not JSON")
    assert moved.sync(database).sent == 0


def test_syncing_loads_no_pyarrow(small: Lake, database: str) -> None:
    """Pyarrow is installed only with pandas, so a sync must not need it."""
    script = """
import sys
for name in ("pyarrow", "pandas"):
    sys.modules[name] = None
import factorlab_lake as fl
print(fl.open(sys.argv[1]).sync(sys.argv[2], verify_deep=True).clean)
"""
    done = run_python(script, small.path, database)
    assert done.stdout.split() == ["True"], done.stderr
