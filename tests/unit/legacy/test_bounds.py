"""Test that one damaged or hostile file of the old cache costs no memory, no time and no other file."""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import UnreadableFile
from factorlab_lake.ingest.batches import batches
from factorlab_lake.ingest.bounds import check_json
from factorlab_lake.ingest.legacy_cache.read_ahead import ReadAhead
from factorlab_lake.ingest.legacy_cache.reader import CacheFile, scan
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.schema.limits import MAX_AHEAD_BYTES, MAX_DIGITS, MAX_FIELDS, MAX_FILE_BYTES, MAX_RECORDS
from tests.support import Entry, answer, income

_AT = '"_cached_at": 1617228000'


def _nested(levels: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(levels):
        inner = [inner]
    return inner


def _in_envelope(records: str) -> bytes:
    return f'{{"data": {records}, {_AT}}}'.encode()


_HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "gzip bomb": (
        lambda: gzip.compress(b" " * (MAX_FILE_BYTES + 1), 1),
        f"more than {MAX_FILE_BYTES:,} bytes after decompression",
    ),
    "bomb of two parts": (
        lambda: gzip.compress(b" " * (MAX_FILE_BYTES // 2 + 1), 1) * 2,
        f"more than {MAX_FILE_BYTES:,} bytes after decompression",
    ),
    "large file": (lambda: b" " * (MAX_FILE_BYTES + 1), f"more than {MAX_FILE_BYTES:,}"),
    "nested record": (
        lambda: _in_envelope(json.dumps([income(x=_nested(900))])),
        "JSON nested more than 32 deep",
    ),
    "open brackets": (lambda: b'{"data": ' + b"[" * 100_000, "JSON nested more than 32 deep"),
    "wide record": (
        lambda: _in_envelope(json.dumps([{f"field_{i}": i for i in range(20_000)}])),
        f"more than {MAX_FIELDS:,} fields",
    ),
    "different fields": (
        lambda: _in_envelope(json.dumps([{f"field_{i}": i} for i in range(MAX_FIELDS + 1)])),
        f"more than {MAX_FIELDS:,} fields",
    ),
    "many fields of many records": (
        lambda: _in_envelope(json.dumps([{f"field_{i}": i for i in range(950)}, *[{"a": 1}] * 50_000])),
        "50,002 records of 953 fields, more than 10,000,000 values",
    ),
    "empty records": (
        lambda: _in_envelope(json.dumps([{}] * 1_000_000)),
        f"more than {MAX_RECORDS:,} records",
    ),
    "numbers as records": (
        lambda: _in_envelope(json.dumps([1] * 500_000)),
        f"500,000 records, more than {MAX_RECORDS:,}",
    ),
    "huge integer": (
        lambda: _in_envelope(f'[{{"date": {"7" * (MAX_DIGITS + 1)}}}]'),
        f"a number of more than {MAX_DIGITS:,} digits",
    ),
}


def test_files_over_a_bound_are_faults_and_the_others_are_migrated(tmp_path: Path) -> None:
    """The report names each file with its bound; the next file has its row; nothing is read twice."""
    cache = tmp_path / "cache"
    reasons = {
        Entry("AAA", "income", [], limit=i).write(cache, content()): reason
        for i, (content, reason) in enumerate(_HOSTILE.values())
    }
    Entry("AAPL", "income", [income()]).write(cache)
    with fl.open(tmp_path / "lake") as lake:
        planned = lake.migrate(cache, dry_run=True)
        report = lake.migrate(cache)
        assert planned.faults == report.faults
        assert [path for path, _ in report.faults] == sorted(reasons)
        for path, fault in report.faults:
            assert reasons[path] in fault
        assert report.new["income_statements"] == 1
        again = lake.migrate(cache)
    assert (again.files_migrated_before, again.snapshot_after) == (again.files, report.snapshot_after)


def test_texts_with_brackets_and_escapes_are_not_nested() -> None:
    """Only brackets outside strings count, whatever escapes the strings have."""
    texts = ["[" * 100, "{" * 100, '\\"' + "[" * 100, "\\", '"', "[" * 50 + "]" * 50]
    check_json(json.dumps([{"link": text, "more": [text]} for text in texts]).encode())
    with pytest.raises(UnreadableFile, match="nested more than 32"):
        check_json(json.dumps([{"link": text, "more": _nested(31)} for text in texts]).encode())


def test_half_characters_cost_no_other_file(tmp_path: Path) -> None:
    """A text that ends within an emoji is stored with U+FFFD; bytes of a file name are named."""
    cut, cache = "cut \ud83d", tmp_path / "cache"
    Entry("AAA", "income", [income()], key=f"{cut}_income_statement_quarterly_v1.0").write(cache)
    Entry("BBB", "income", [], envelope={"Error Message": cut}).write(cache)
    odd = Entry("CCC", "income", []).write(cache)
    (cache / odd).rename(os.fsdecode(os.fsencode(cache / odd).replace(b"CCC", b"C\xff")))
    Entry("AAPL", "income", [income(link=cut, label="\U0001f600")]).write(cache)
    with fl.open(tmp_path / "lake") as lake:
        report = lake.migrate(cache)
        assert len(report.faults) == 3
        assert all(text.isprintable() for fault in report.faults for text in fault)
        assert (report.new["income_statements"], report.rejects) == (1, [])
        stored = lake.sql("SELECT * FROM income_statements").row(0, named=True)
    assert "cut \ufffd" in str(stored)


def _files(tmp_path: Path, count: int) -> list[CacheFile]:
    for i in range(count):
        Entry(f"S{i:03}", "income", []).write(tmp_path)
    return scan(tmp_path)


def test_files_that_are_read_ahead_share_one_bound(tmp_path: Path) -> None:
    """The bytes of all results that are not yet used stay below the bound; results keep their order."""
    held, most, lock = 0, 0, threading.Lock()

    def read(file: CacheFile, admit: Any) -> FetchResult:
        nonlocal held, most
        admit(30)
        with lock:
            held += 30
            most = max(most, held)
        return answer("income", [], endpoint=file.path)

    files, seen = _files(tmp_path, 40), []
    for _, result in ReadAhead(files, read, at_most=100):
        seen.append(result.endpoint)
        with lock:
            held -= 30
    assert seen == [f.path for f in files]
    assert 60 <= most <= 130  # the file whose turn it is may come on top


def test_a_file_larger_than_the_bound_of_all_is_read_alone(tmp_path: Path) -> None:
    """The file whose turn it is does not wait for memory that never becomes free."""

    def read(file: CacheFile, admit: Any) -> FetchResult:
        admit(1000)
        return answer("income", [], endpoint=file.path)

    assert len(list(ReadAhead(_files(tmp_path, 5), read, at_most=100))) == 5


def test_a_run_that_ends_early_leaves_no_waiting_thread(tmp_path: Path) -> None:
    """Threads that wait for memory end with the iteration, which else would never return."""
    before = threading.active_count()

    def read(file: CacheFile, admit: Any) -> FetchResult:
        admit(90)
        return answer("income", [], endpoint=file.path)

    results = iter(ReadAhead(_files(tmp_path, 20), read, at_most=100))
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_a_batch_of_long_texts_ends_within_its_symbol(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few records can have many bytes; a commit takes those of one bound, and one answer more."""
    monkeypatch.setattr("factorlab_lake.ingest.batches.MAX_AHEAD_BYTES", 10_000)
    answers = [answer("income", [income(label="x" * 6_000, i=i)]) for i in range(6)]
    assert [len(batch) for batch in batches(iter(answers), 1_000)] == [2, 2, 2]
    assert MAX_AHEAD_BYTES > 4 * MAX_FILE_BYTES - 1
    assert isinstance(answers[0].records, pl.DataFrame)
