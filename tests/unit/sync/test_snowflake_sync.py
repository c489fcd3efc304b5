"""Test a sync to Snowflake: what arrives, what is sent again, and what a verification finds."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES, identifiers
from factorlab_lake.sync.protocol import EVERYTHING, Batch
from factorlab_lake.sync.row_hash import canonical_json, sendable_json
from factorlab_lake.sync.snowflake.address import SnowflakeAddress
from factorlab_lake.sync.snowflake.target import open_target
from tests.contracts.pair import assert_same_rows
from tests.support import copy_of, table_rows, writing
from tests.unit.sync.snowflake_server import by_hand

_COPY = "INSERT INTO price_data SELECT * FROM price_data WHERE symbol = 'AAA' AND date = DATE '2019-01-02'"
EDITS = {
    "a value": ("UPDATE price_data SET close_price = 1 WHERE symbol = 'AAA' AND year = 2018", "2018"),
    "a row twice": (_COPY, "2019"),
    "a missing row": ("DELETE FROM price_data WHERE symbol = 'BBB' AND date = DATE '2018-01-03'", "2018"),
    "a new row": (
        "INSERT INTO price_data (symbol, date, year) VALUES ('CCC', DATE '2019-01-02', 2019)",
        "2019",
    ),
    "a hash": ("UPDATE price_data SET row_hash = 1 WHERE symbol = 'AAA' AND year = 2018", "2018"),
}


def assert_equal(lake: Lake, url: str) -> None:
    """Fail unless every value of every table is equal in the schema and in the lake."""
    with open_target(SnowflakeAddress.parse(url)) as target:
        digests, _ = target.digests(TABLES.values())
        for name, spec in TABLES.items():
            names = identifiers(spec.names())
            expected = lake.sql(f"SELECT {names} FROM {name} ORDER BY {identifiers(spec.key)}")
            batches = [Batch(spec, part) for part in digests[name]] or [Batch(spec, EVERYTHING)]
            parts = [rows for batch in batches for rows in target.values(batch)]
            actual = pl.concat(parts) if parts else expected.clear()
            texts = [c.name for c in spec.columns if c.kind == "json"]
            actual = actual.select(spec.names()).sort(spec.key)
            for column in texts:
                assert _documents(actual[column]) == _documents(expected[column]), (name, column)
            assert_frame_equal(actual.drop(texts), expected.drop(texts), check_exact=True)


def _documents(texts: pl.Series) -> list[str | None]:
    return [None if text is None else canonical_json(sendable_json(text)) for text in texts]


def test_every_table_of_the_samples_arrives_unchanged(rich: Lake, schema: str) -> None:
    """Each value of real data is equal there, market caps too; a second sync sends nothing."""
    first = rich.sync(schema)
    assert first.clean
    rows = {name: rich.sql(f"SELECT count(*) AS n FROM {name}")["n"][0] for name in TABLES}
    assert {t.table: t.sent for t in first.tables} == rows
    assert min(rows.values()) > 0
    assert_equal(rich, schema)
    again = rich.sync(schema, verify_deep=True)
    assert (again.sent, again.removed, again.clean) == (0, 0, True)
    days = pl.date_range(date(2018, 1, 31), date(2020, 12, 31), "1mo", eager=True)
    with fl.open(schema) as shared:
        caps = shared.market_caps(["AAPL", "BRK.B"], days)
        assert_same_rows(rich.market_caps(["AAPL", "BRK.B"], days), caps)
        assert caps["market_cap"].count() > 10


def test_a_small_change_sends_the_changed_rows_alone(few: Lake, schema: str, tmp_path: Path) -> None:
    """Of a thousand bars one is corrected: one row is sent, and the table equals the lake's."""
    lake = copy_of(few, tmp_path / "lake")
    days = pl.date_range(date(2015, 1, 1), date(2017, 9, 26), eager=True)
    rows = {"symbol": ["BIG"] * 1000, "date": days, "close_price": [100.0 + n for n in range(1000)]}
    lake.load("price_data", rows, split_basis="own-day")
    assert lake.sync(schema).clean
    lake.load(
        "price_data", {"symbol": ["BIG"], "date": [days[500]], "close_price": [1.5]}, split_basis="own-day"
    )
    report = lake.sync(schema)
    assert report.clean
    assert {t.table: t.sent for t in report.tables if t.sent} == {
        "price_data": 1,
        "price_revisions": 1,
        "data_fetch_log": 1,
    }
    assert_equal(lake, schema)


def test_edits_by_hand_are_found_and_repaired(small: Lake, snowflake_lake: str) -> None:
    """A sync names the year of a changed, doubled, missing or added row; repair restores it."""
    for statement, year in EDITS.values():
        by_hand(snowflake_lake, statement)
        report = small.sync(snowflake_lake, repair=True)
        assert [(f.table, f.batch) for f in report.repaired] == [("price_data", year)], statement
        assert report.clean
    assert_equal(small, snowflake_lake)
    assert small.sync(snowflake_lake, verify_deep=True).sent == 0


@pytest.fixture
def snowflake_lake(small: Lake, schema: str) -> str:
    """Return the address of a schema that has the small lake."""
    assert small.sync(schema).clean
    return schema


def test_two_diverged_copies_are_told_apart(small: Lake, snowflake_lake: str, tmp_path: Path) -> None:
    """The copy that comes second is refused before it writes, and another lake too; repair takes it over."""
    other = copy_of(small, tmp_path / "other")
    for lake, symbol in ((small, "ONE"), (other, "TWO")):
        row = {"symbol": symbol, "date": date(2020, 1, 2), "numerator": 2.0, "denominator": 1.0}
        with writing(lake) as tx:
            tx.append("splits", table_rows("splits", [row]))
        lake.refresh()
    assert small.sync(snowflake_lake).clean
    with pytest.raises(InvalidInput, match=r"received snapshot \d of another copy of this lake"):
        other.sync(snowflake_lake)
    assert_equal(small, snowflake_lake)
    assert other.sync(snowflake_lake, repair=True).clean
    assert_equal(other, snowflake_lake)
    with pytest.raises(InvalidInput, match="has another lake"):
        fl.open(tmp_path / "third").sync(snowflake_lake)
