"""Test rejected records, and the log of the files read."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from factorlab_lake.lake import Lake
from tests.support import FETCHED, Entry, arrive, assert_keys_unique, bar, income


def _rejected(lake: Lake) -> list[dict[str, Any]]:
    return lake.sql("SELECT * FROM rejected_records ORDER BY position").to_dicts()


def test_a_rejected_record_is_kept_with_its_reason_and_place(lake: Lake, cache: Path) -> None:
    """A reject has the record, its position, its fetch and the reason."""
    entry = Entry(
        "AAPL", "income", [income("2020-06-27", "Q3"), income("2020-09-26", "Q5", revenue="n/a", note="x")]
    )
    entry.write(cache)
    report = lake.migrate(cache)
    [reject] = _rejected(lake)
    assert (reject["position"], reject["symbol"], reject["data_type"]) == (1, "AAPL", "income_statements")
    assert reject["reason"].startswith("period: 'Q5' is not one of")
    sent = json.loads(reject["record"])
    assert (sent["date"], sent["revenue"], sent["note"], sent["eps"]) == ("2020-09-26", "n/a", "x", 0.74)
    assert report.rejects == [(entry.path, 1, reject["reason"])]
    assert not report.clean
    log = lake.fetch_log().row(0, named=True)
    assert reject["fetch_id"] == log["fetch_id"]
    assert (log["records_fetched"], log["records_rejected"], log["success"]) == (2, 1, True)


def test_the_valid_records_beside_an_invalid_one_are_merged(lake: Lake, cache: Path) -> None:
    """One invalid bar rejects only itself."""
    bars = [
        bar("2020-01-02", 1.0),
        bar("2020-01-03", close=0),
        bar("2020-01-06", 3.0),
        bar("bad"),
        bar("2020-01-07", 4.0),
    ]
    Entry("AAPL", "price", bars).write(cache)
    report = lake.migrate(cache)
    assert lake.sql("SELECT close_price FROM price_data ORDER BY date")["close_price"].to_list() == [
        1.0,
        3.0,
        4.0,
    ]
    assert [r["position"] for r in _rejected(lake)] == [1, 3]
    assert (report.records, report.rejected, report.new) == (5, 2, {"price_data": 3})


def test_positions_are_those_in_the_file_also_beside_records_that_are_no_objects(
    lake: Lake, cache: Path
) -> None:
    """A position counts every element of the file, also elements that are no objects."""
    data: list[Any] = [None, bar("2020-01-02"), "text", bar("2020-01-03", close=-1), 7, [], bar("2020-01-06")]
    Entry("AAPL", "price", data).write(cache)
    report = lake.migrate(cache)
    assert [r["position"] for r in _rejected(lake)] == [0, 2, 3, 4, 5]
    assert lake.sql("SELECT count(*) AS n FROM price_data").item() == 2
    assert (report.records, report.rejected) == (7, 5)
    assert_keys_unique(lake)


def test_a_file_of_invalid_records_only_is_logged_as_read(lake: Lake, cache: Path) -> None:
    """If every record of a file is rejected, the file still counts as read."""
    entry = Entry("AAPL", "income", [income(date="?"), income(period="H3")])
    entry.write(cache)
    report = lake.migrate(cache)
    assert report.new == {}
    assert lake.sql("SELECT * FROM income_statements").is_empty()
    assert lake.fetch_log().select("records_fetched", "records_rejected", "success").rows() == [(2, 2, True)]


def test_rejects_do_not_grow_when_a_cache_is_migrated_again(lake: Lake, cache: Path) -> None:
    """A second migration reports the same rejects and stores none twice."""
    Entry("AAPL", "price", [bar("2020-01-02", close=0), bar("2020-01-03")]).write(cache)
    first, second = lake.migrate(cache), lake.migrate(cache)
    assert len(_rejected(lake)) == 1
    assert second.rejects == first.rejects
    assert (second.rejected, second.records) == (0, 0)


def test_the_log_has_a_line_for_each_file_with_what_it_covered(lake: Lake, tmp_path: Path) -> None:
    """A log row has the request, the time of serving, the number of records and the covered days."""
    entry = Entry("BRK.B", "price", [bar("2020-01-06"), bar("2020-01-02"), bar("2020-01-03", close=0)])
    arrive(lake, tmp_path, entry, Entry("BRK.B", "income", []))
    empty, log = lake.fetch_log().sort("data_type").to_dicts()
    assert log["symbol"] == "BRK.B"
    assert log["data_type"] == "price_data"
    assert log["fetch_date"] == FETCHED
    assert log["provider"] == "fmp"
    assert log["endpoint"] == f"cache:{entry.path}"
    assert (log["covered_from"], log["covered_to"]) == (date(2020, 1, 2), date(2020, 1, 6))
    assert (log["records_fetched"], log["api_calls_made"], log["error_message"]) == (3, 0, None)
    assert len(log["payload_sha256"]) == 64
    assert (empty["records_fetched"], empty["success"], empty["covered_from"]) == (0, True, None)


def test_rows_say_when_they_were_fetched_and_when_recorded(lake: Lake, tmp_path: Path) -> None:
    """fetched_at comes from the cache, recorded_at from the clock."""
    before = datetime.now(UTC)
    arrive(lake, tmp_path, Entry("AAPL", "price", [bar("2020-01-02")]))
    row = lake.sql("SELECT fetched_at, recorded_at, source_provider FROM price_data").row(0, named=True)
    assert row["fetched_at"] == FETCHED
    assert before <= row["recorded_at"] <= datetime.now(UTC)
    assert row["source_provider"] == "fmp"


def test_rejects_name_the_file_they_come_from(lake: Lake, cache: Path) -> None:
    """The rejects of two files name their symbols; the valid file between them is merged."""
    for symbol, day in (("AAA", "2090-01-02"), ("BBB", "2020-01-02"), ("CCC", "2090-01-03")):
        Entry(symbol, "price", [bar(day)]).write(cache)
    report = lake.migrate(cache)
    assert report.new == {"price_data": 1}
    assert [(r["symbol"], "2090" in r["reason"]) for r in _rejected(lake)] == [("AAA", True), ("CCC", True)]
