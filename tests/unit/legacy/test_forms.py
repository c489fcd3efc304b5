"""The forms a cache file can have: plain or compressed, frames, odd records, keys and names."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.errors import InvalidInput, NotFound
from factorlab_lake.lake import Lake
from tests.support import Entry, bar, income

_REVENUE = "SELECT revenue FROM income_statements ORDER BY fiscal_date, fiscal_period, version"


def _faults(lake: Lake, cache: Path) -> list[tuple[str, str]]:
    """Return the files that a migration could not read, and why."""
    rows: list[tuple[str, str]] = lake.migrate(cache, dry_run=True).faults
    return rows


def test_a_plain_json_file_is_read_like_a_compressed_one(lake: Lake, cache: Path) -> None:
    """Compression could be switched off."""
    Entry("AAPL", "income", [income()], compress=False).write(cache)
    assert lake.migrate(cache).clean
    assert lake.sql(_REVENUE).height == 1


def test_the_content_decides_about_compression_not_the_name(lake: Lake, cache: Path) -> None:
    """A plain file under a compressed name, and the other way round, are read."""
    plain = Entry("AAPL", "income", [income()])
    plain.write(cache, plain.text().encode())
    packed = Entry("MSFT", "income", [income(symbol="MSFT")], compress=False)
    packed.write(cache, gzip.compress(packed.text().encode()))
    assert lake.migrate(cache).clean
    assert lake.sql(_REVENUE).height == 2


def test_a_byte_order_mark_is_no_fault(lake: Lake, cache: Path) -> None:
    """A file that an editor saved with a mark at its head is read."""
    entry = Entry("AAPL", "income", [income()])
    entry.write(cache, gzip.compress(b"\xef\xbb\xbf" + entry.text().encode()))
    assert lake.migrate(cache).clean
    assert lake.sql(_REVENUE).height == 1


def test_a_cached_frame_of_statements_is_read_by_its_columns(lake: Lake, cache: Path) -> None:
    """Statements cached as a pandas frame have their date in a column."""
    record = income()
    frame = {"_type": "DataFrame", "index": [0], "columns": list(record), "data": [list(record.values())]}
    Entry("AAPL", "income", frame).write(cache)
    assert lake.migrate(cache).clean
    assert lake.sql("SELECT fiscal_date::VARCHAR, revenue, eps FROM income_statements").rows() == [
        ("2020-09-26", 64698000000.0, 0.74)
    ]
    assert lake.validate(cache).clean


@pytest.mark.parametrize("index", ["2020-01-02", "2020-01-02T00:00:00.000", "2020-01-02 00:00:00"])
def test_a_cached_frame_of_bars_has_its_dates_in_the_index(lake: Lake, cache: Path, index: str) -> None:
    """Bars cached as a pandas frame are indexed by day."""
    frame = {
        "_type": "DataFrame",
        "index": [index],
        "columns": ["close", "volume"],
        "data": [[300.35, 33870100]],
    }
    Entry("AAPL", "price", frame).write(cache)
    assert lake.migrate(cache).clean
    assert lake.sql("SELECT symbol, date::VARCHAR, close_price, volume FROM price_data").rows() == [
        ("AAPL", "2020-01-02", 300.35, 33870100.0)
    ]
    assert lake.validate(cache).clean


@pytest.mark.parametrize(
    "frame",
    [
        {"index": [0], "columns": ["date", "close"], "data": [["2020-01-02"]]},
        {"index": [0, 1], "columns": ["date"], "data": [["2020-01-02"]]},
        {"index": [0], "columns": ["date"]},
        {"index": None, "columns": ["date"], "data": [["2020-01-02"]]},
        {"index": [0], "columns": ["date"], "data": [7]},
        {"index": [0], "columns": [["date"]], "data": [["2020-01-02"]]},
        {"index": [0], "columns": [1], "data": [["2020-01-02"]]},
    ],
    ids=["short row", "long index", "no data", "no index", "no rows", "list for a name", "number for a name"],
)
def test_a_cached_frame_whose_parts_do_not_fit_is_a_fault(
    lake: Lake, cache: Path, frame: dict[str, Any]
) -> None:
    """A frame with parts missing or of unequal length is named."""
    broken = Entry("AAPL", "price", {"_type": "DataFrame"} | frame)
    broken.write(cache)
    [(path, reason)] = _faults(lake, cache)
    assert path == broken.path
    assert "DataFrame" in reason


def test_records_that_are_no_objects_are_rejected_one_by_one(lake: Lake, cache: Path) -> None:
    """Stray values between records do not affect other records, and are reported with their positions."""
    data = [income("2020-06-27", "Q3"), None, 7, "text", [], [income()], True, income()]
    entry = Entry("AAPL", "income", data)
    entry.write(cache)
    report = lake.migrate(cache)
    assert [(path, position) for path, position, _ in report.rejects] == [
        (entry.path, i) for i in range(1, 7)
    ]
    assert lake.sql(_REVENUE).height == 2
    checked = lake.validate(cache)
    assert (checked.rejected, checked.missing) == (6, 0)


def test_records_of_different_fields_in_one_file_are_all_read(lake: Lake, cache: Path) -> None:
    """A field that appears only in some records is kept where it appears."""
    records = [income(f"2020-0{i}-28", "Q1", **{f"only{i}": i} if i % 2 else {}) for i in range(1, 7)]
    Entry("AAPL", "income", records).write(cache)
    assert lake.migrate(cache).clean
    rows = lake.sql("SELECT extra FROM income_statements ORDER BY fiscal_date")["extra"].to_list()
    assert [json.loads(text or "{}") for text in rows] == [
        {"only1": 1},
        {},
        {"only3": 3},
        {},
        {"only5": 5},
        {},
    ]
    assert lake.validate(cache).clean


def test_how_a_file_is_read_does_not_depend_on_the_files_before_it(lake: Lake, cache: Path) -> None:
    """A field or a type that no earlier file had is read like in a file that comes first."""
    for i in range(12):
        Entry(f"S{i:02}", "income", [income(symbol=f"S{i:02}")]).write(cache)
    odd = [
        income("2020-06-27", "Q3", symbol="ZZZ", revenue=10),
        income(symbol="ZZZ", revenue=10.7, novelty="kept", eps="0.5"),
    ]
    Entry("ZZZ", "income", odd).write(cache)
    assert lake.migrate(cache).clean
    rows = lake.sql(
        "SELECT revenue, eps, extra FROM income_statements WHERE symbol = 'ZZZ' ORDER BY fiscal_date"
    )
    assert rows.rows() == [(10.0, 0.74, None), (10.7, 0.5, '{"novelty":"kept"}')]
    assert lake.validate(cache).clean


def test_a_huge_whole_number_is_the_nearest_double_or_unread(lake: Lake, cache: Path) -> None:
    """A number up to the limit is stored; a larger one is no amount: the field is NULL, its text kept."""
    numbers = [2**53, 2**53 + 2, 2**63 - 1, 2**63, 2**64, 10**30, 10**400]
    for i, number in enumerate(numbers):
        beside = income("2020-06-27", "Q3", symbol=f"S{i}")
        Entry(f"S{i}", "income", [income(symbol=f"S{i}", revenue=number), beside]).write(cache)
    report = lake.migrate(cache)
    assert report.faults == []
    rows = lake.sql("SELECT revenue, extra FROM income_statements WHERE fiscal_period = 'Q4' ORDER BY symbol")
    assert rows["revenue"].to_list() == [*(float(number) for number in numbers[:-2]), None, None]
    assert [json.loads(text)["revenue"] for text in rows["extra"][-2:]] == [1e30, str(10**400)]
    assert report.rejects == []
    assert lake.sql("SELECT count(*) AS n FROM income_statements WHERE fiscal_period = 'Q3'").item() == 7


# Symbols.


def test_the_key_says_how_the_symbol_is_written(lake: Lake, cache: Path) -> None:
    """The name's case is the file system's; the key inside knows better."""
    Entry("aapl", "price", [bar("2020-01-02")], key="AAPL_price_full_history_all_v2.0").write(cache)
    assert lake.migrate(cache).clean
    assert lake.sql("SELECT symbol FROM price_data").rows() == [("AAPL",)]
    assert lake.validate(cache).clean


@pytest.mark.parametrize(
    "key", ["MSFT_price_full_history_all_v2.0", "AAPL_income_statement_quarterly_limit20_v1.0"]
)
def test_a_file_whose_key_contradicts_its_name_is_a_fault(lake: Lake, cache: Path, key: str) -> None:
    """Bars carry no symbol: if name and key disagree, their symbol is unknown."""
    entry = Entry("AAPL", "price", [bar("2020-01-02")], key=key)
    entry.write(cache)
    [(path, reason)] = _faults(lake, cache)
    assert path == entry.path
    assert "its key is for" in reason
    assert "AAPL price" in reason


def test_a_key_that_says_nothing_leaves_the_name(lake: Lake, cache: Path) -> None:
    """A missing or foreign key is no contradiction."""
    keys: list[Any] = [None, 7, [], {}, "", "no key at all"]
    for i, key in enumerate(keys):
        Entry(f"S{i}", "price", [bar("2020-01-02")], envelope={"_cache_key": key}).write(cache)
    assert lake.migrate(cache).clean
    assert lake.sql("SELECT symbol FROM price_data ORDER BY 1")["symbol"].to_list() == [
        f"S{i}" for i in range(len(keys))
    ]


def test_a_symbol_with_a_slash_is_known_from_its_records(lake: Lake, cache: Path) -> None:
    """File names cannot hold a slash; the records still can."""
    Entry("BRK-B", "income", [income(symbol="BRK/B")]).write(cache)
    assert lake.migrate(cache).clean
    assert lake.sql("SELECT symbol FROM income_statements").rows() == [("BRK/B",)]
    assert lake.validate(cache).clean


@pytest.mark.first_cases(3)
@pytest.mark.parametrize(
    "name",
    ["Shareholder's equity", 'a "b" c', "a.b[0]", "$", "naïve 名", "", "back\\slash", "{}", "a}b", "^", "a*"],
)
def test_an_item_with_an_odd_name_survives_and_is_compared(lake: Lake, cache: Path, name: str) -> None:
    """A field's name may hold quotes, dots, brackets and braces, or nothing at all."""
    Entry("AAPL", "income", [income() | {name: 1.5}]).write(cache)
    assert lake.migrate(cache).clean
    assert json.loads(lake.sql("SELECT extra FROM income_statements").item()) == {name: 1.5}
    assert lake.validate(cache).clean
    Entry("AAPL", "income", [income() | {name: 1.75}]).write(cache)
    assert lake.validate(cache).differs == 1


@pytest.mark.parametrize("name", ["*", "^rev.*$", "^$"])
def test_an_item_whose_name_is_a_pattern_is_a_fault(lake: Lake, cache: Path, name: str) -> None:
    """A name that would stand for other fields is not looked up as one: the file is named as a fault."""
    entry = Entry("AAPL", "income", [income() | {name: 1.5}])
    entry.write(cache)
    Entry("MSFT", "income", [income(symbol="MSFT")]).write(cache)
    [(path, reason)] = lake.migrate(cache).faults
    assert path == entry.path
    assert repr(name) in reason
    assert lake.sql("SELECT symbol, revenue FROM income_statements").rows() == [("MSFT", 64698000000.0)]


def test_the_batch_a_file_is_read_in_does_not_change_what_lands(lake: Lake, cache: Path) -> None:
    """An item that is a number in one file and text in another is in both what it is."""
    Entry("AAA", "income", [income(symbol="AAA", novelty=5)]).write(cache)
    Entry("BBB", "income", [income(symbol="BBB", novelty="n/a")]).write(cache)
    Entry("CCC", "income", [income(symbol="CCC", novelty=True)]).write(cache)
    lake.migrate(cache)
    rows = [json.loads(t) for t in lake.sql("SELECT extra FROM income_statements ORDER BY symbol")["extra"]]
    assert rows == [{"novelty": 5}, {"novelty": "n/a"}, {"novelty": True}]
    assert lake.validate(cache).clean


def test_a_folder_that_looks_like_an_entry_is_no_file(lake: Lake, cache: Path) -> None:
    """A folder in the place of a file is passed over; what is in it is read by its own name."""
    entry = Entry("AAPL", "income", [income()])
    entry.write(cache / "income_statements" / "AAPL_price_daily_start_end_v1.0.json")
    assert lake.migrate(cache).clean
    assert lake.sql(_REVENUE).height == 1


def test_a_cache_that_is_not_there_or_empty_is_an_error(lake: Lake, tmp_path: Path) -> None:
    """A mistyped path does not look like a migration of nothing."""
    (tmp_path / "empty").mkdir()
    for ask in (lake.migrate, lake.validate):
        with pytest.raises(NotFound, match="No cache folder"):
            ask(tmp_path / "nowhere")
        with pytest.raises(InvalidInput, match="no cache files"):
            ask(tmp_path / "empty")
