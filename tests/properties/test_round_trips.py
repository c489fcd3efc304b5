"""What goes into a lake comes out of it, to the last bit."""

from __future__ import annotations

import json
import struct
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import factorlab_lake as fl
from factorlab_lake.schema.rules import MAX_NUMBER
from tests.support import Entry, bar, content, examples, income

_FINITE = st.floats(-MAX_NUMBER, MAX_NUMBER)
_EXACT = st.integers(-(2**53), 2**53)
_VALUES = st.lists(st.one_of(_FINITE, _EXACT), min_size=1, max_size=60)
_NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12
).filter(lambda name: name not in income() and not name.startswith(("_", "^")) and name != "*")
_SCALARS = st.one_of(_FINITE, _EXACT, st.booleans(), st.text(st.characters(codec="utf-8"), max_size=20))


def _bits(values: list[float]) -> list[bytes]:
    return [struct.pack("<d", value) for value in values]


def _day(i: int) -> str:
    # Nearer ones than a week are versions of one period, and an equal version is not stored again.
    return (date(2020, 1, 1) + timedelta(days=8 * i)).isoformat()


@examples(5)
@given(values=_VALUES, spoilt=st.booleans())
def test_numbers_come_back_bit_for_bit(tmp_path_factory: Any, values: list[float], *, spoilt: bool) -> None:
    """Numbers within the limits are equal to the bit, alone and beside a record without a date."""
    place = tmp_path_factory.mktemp("numbers")
    records = [income(_day(i), "Q1", revenue=value) for i, value in enumerate(values)]
    junk = [income("n/a", "Q1", revenue=1)] if spoilt else []
    Entry("AAPL", "income", records + junk).write(place / "cache")
    lake = fl.open(place / "lake")
    report = lake.migrate(place / "cache")
    result = lake.sql("SELECT revenue FROM income_statements ORDER BY fiscal_date")["revenue"].to_list()
    assert _bits(result) == _bits([float(value) for value in values])
    assert len(report.rejects) == len(junk)
    assert lake.validate(place / "cache").equal == len(values)


@examples(5)
@given(st.lists(st.dictionaries(_NAMES, _SCALARS, max_size=4), min_size=1, max_size=5))
def test_items_without_a_column_come_back_as_sent(
    tmp_path_factory: Any, extras: list[dict[str, Any]]
) -> None:
    """Whatever the provider calls an item, and whatever is in it, `extra` has it, and validation sees it."""
    place = tmp_path_factory.mktemp("items")
    for i, extra in enumerate(extras):
        Entry("AAPL", "income", [income(_day(i), "Q1") | extra], limit=i).write(place / "cache")
    lake = fl.open(place / "lake")
    assert lake.migrate(place / "cache").clean
    result = lake.sql("SELECT extra FROM income_statements ORDER BY fiscal_date")["extra"].to_list()
    assert [json.loads(text or "{}") for text in result] == extras
    assert lake.validate(place / "cache").clean


@examples(4)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["AAA", "BBB", "CCC"]), st.integers(0, 5), st.sampled_from([1.0, 2.0, None, "?"])
        ),
        min_size=1,
        max_size=12,
    )
)
def test_a_second_migration_changes_nothing(tmp_path_factory: Any, bars: list[tuple[str, int, Any]]) -> None:
    """Whatever a cache holds, good or bad, repeated or contradicting itself: once is as good as twice."""
    place = tmp_path_factory.mktemp("twice")
    for symbol in {symbol for symbol, _, _ in bars}:
        left = [bar(_day(day), close) for s, day, close in bars if s == symbol]
        Entry(symbol, "price", left).write(place / "cache")
    lake = fl.open(place / "lake")
    first = lake.migrate(place / "cache")
    before = content(lake)
    second = lake.migrate(place / "cache", by_symbol=True)
    after = content(lake)
    assert all(after[name].equals(rows) for name, rows in before.items())
    assert len(lake.history()) == 1
    assert (second.rejects, second.records) == (first.rejects, 0)


def test_every_type_of_column_comes_back(tmp_path: Path) -> None:
    """Dates, times, booleans, integers and text of every kind are equal after storing and reading."""
    lake = fl.open(tmp_path / "lake")
    names = ['O\'Brien & "Sons"', "naïve 名前 🙂", "", "NULL", "a\nb\tc", "x" * 5000]
    rows = {
        "symbol": [f"S{i}" for i in range(len(names))],
        "company_name": names,
        "ipo_date": ["1900-01-01", "1980-12-12", "2000-02-29", "2026-11-22", "1970-01-01", None],
        "is_etf": [True, False, None, True, False, None],
    }
    lake.load("company_profiles", rows)
    result = lake.sql(
        "SELECT symbol, company_name, ipo_date::VARCHAR AS ipo_date, is_etf FROM company_profiles ORDER BY 1"
    )
    expected = rows | {"company_name": [n.strip() or None for n in names]}
    assert result.to_dict(as_series=False) == expected
