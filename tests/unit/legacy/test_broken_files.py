"""Test files of the old cache that hold no records: broken writes, saved errors, leftovers, strangers."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from factorlab_lake.lake import Lake
from tests.support import Entry, income

_GOOD = Entry("AAPL", "income", [income()]).text().encode()
_PACKED = gzip.compress(_GOOD, mtime=0)
_CUT, _NOT_JSON, _NO_ENVELOPE, _NO_LIST = "gzip cut short or damaged", "not JSON", "no envelope", "not a list"
_BROKEN = {
    "empty": (b"", "empty file"),
    "gzip cut": (_PACKED[:-40], _CUT),
    "gzip head only": (_PACKED[:10], _CUT),
    "gzip byte flipped": (_PACKED[:60] + bytes([_PACKED[60] ^ 255]) + _PACKED[61:], _CUT),
    "json cut": (gzip.compress(_GOOD[:-300]), _NOT_JSON),
    "html": (gzip.compress(b"\n<!DOCTYPE html><html>502 Bad Gateway</html>"), "HTML or XML instead of JSON"),
    "plain html": (b"<html></html>", "HTML or XML instead of JSON"),
    "vendor error": (b'{"Error Message": "Limit Reach . Please upgrade"}', "Limit Reach"),
    "vendor error in data": (
        b'{"data": {"Error Message": "Invalid KEY"}, "_cached_at": 1617228000}',
        "Invalid KEY",
    ),
    "text": (b"Too Many Requests", _NOT_JSON),
    "binary": (b"\x80\x81\x82\xff", "not"),
    "blank": (b"  \n", _NOT_JSON),
    "null": (b"null", _NO_ENVELOPE),
    "number": (b"7", _NO_ENVELOPE),
    "bare list": (json.dumps([income()]).encode(), _NO_ENVELOPE),
    "no data": (b'{"_cached_at": 1617228000}', _NO_ENVELOPE),
    "data null": (b'{"data": null, "_cached_at": 1617228000}', _NO_LIST),
    "data text": (b'{"data": "[]", "_cached_at": 1617228000}', _NO_LIST),
    "data object": (b'{"data": {"date": "2020-09-26"}, "_cached_at": 1617228000}', _NO_LIST),
    "nested": (b"[" * 200_000, "nested more than"),
    "endless digits": (b'{"data": [{"revenue": 1' + b"0" * 5000 + b'}], "_cached_at": 1617228000}', ""),
}


@pytest.mark.parametrize("case", _BROKEN)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(lake: Lake, cache: Path, case: str) -> None:
    """Whatever is wrong with a file, it is listed with a reason that a reader understands."""
    body, reason = _BROKEN[case]
    broken = Entry("AAPL", "income", [])
    broken.write(cache, body)
    [(path, said)] = lake.migrate(cache, dry_run=True).faults
    assert path == broken.path
    assert reason in said


def test_broken_files_cost_themselves_only(lake: Lake, cache: Path) -> None:
    """Among files broken in every way the good ones land, and the log remembers each failure."""
    for i, (body, _) in enumerate(_BROKEN.values()):
        Entry(f"S{i:02}", "income", []).write(cache, body)
        Entry(f"S{i:02}", "income", [income(symbol=f"S{i:02}")], limit=8).write(cache)
    faults = lake.migrate(cache).faults
    assert len(faults) == len(_BROKEN)
    assert lake.sql("SELECT count(*) AS n FROM income_statements").item() == len(_BROKEN)
    failed = lake.fetch_log().filter(~pl.col("success"))
    assert sorted(zip(failed["endpoint"], failed["error_message"], strict=True)) == [
        (f"cache:{path}", reason) for path, reason in faults
    ]
    report = lake.validate(cache)
    assert sorted(report.faults) == faults
    assert (report.equal, report.differs, report.missing) == (len(_BROKEN), 0, 0)


def test_leftovers_and_bookkeeping_are_skipped_and_listed(lake: Lake, cache: Path) -> None:
    """Locks, half-written files and the old cache's own notes hold no records; the report lists them."""
    name = Entry("AAPL", "income", [income()]).write(cache)
    for leftover in (
        f"{name}.tmp",
        name.replace(".gz", ".lock"),
        "metadata/cache_metadata.json",
        "metadata/x.json.gz",
    ):
        (cache / leftover).parent.mkdir(exist_ok=True)
        (cache / leftover).write_bytes(b"{")
    report = lake.migrate(cache)
    assert report.clean
    assert report.skipped == [
        (f"{name}.tmp", "leftover of an interrupted write"),
        (name.replace(".gz", ".lock"), "leftover lock"),
        ("metadata/cache_metadata.json", "bookkeeping of the old cache"),
        ("metadata/x.json.gz", "bookkeeping of the old cache"),
    ]
    assert (report.files, lake.fetch_log().height) == (5, 1)


def test_files_of_unknown_names_are_faults_not_silence(lake: Lake, cache: Path) -> None:
    """A file that is no entry by its name might hold data that somebody misses: it is listed."""
    Entry("AAPL", "income", [income()]).write(cache)
    (cache / "notes.txt").write_text("buy low")
    (cache / "price_data").mkdir()
    (cache / "price_data" / "AAPL.json.gz").write_bytes(gzip.compress(b"{}"))
    assert lake.migrate(cache, dry_run=True).faults == [
        ("notes.txt", "not named like a cache file (SYMBOL_income_statement_…json)"),
        ("price_data/AAPL.json.gz", "not named like a cache file (SYMBOL_income_statement_…json)"),
    ]
