"""Test the reader of the old cache on arbitrary input."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from factorlab_lake.ingest.legacy_cache.reader import CacheFile, parse_name, read
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.providers.records import Shapes
from tests.support import Entry, bar, examples, income, normalized

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_FIELDS = st.sampled_from(
    ["date", "symbol", "period", "revenue", "eps", "calendarYear", "acceptedDate", "cik", "new"]
)
_RECORDS = st.lists(st.dictionaries(_FIELDS, _JSON, max_size=6) | _JSON, max_size=4)
_SCALAR = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
)
_FLAT = st.lists(
    st.dictionaries(st.sampled_from(["a", "b", "c", "revenue"]), _SCALAR, min_size=1), min_size=1, max_size=5
)


def _read(folder: Path, entry: Entry, body: bytes | None = None, shapes: Shapes | None = None) -> FetchResult:
    path = entry.write(folder, body)
    return read(CacheFile(folder, path, 0, parse_name(Path(path).name)), frozenset(), shapes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for one file after the other."""
    return tmp_path_factory.mktemp("reader")


@examples(100)
@given(data=_RECORDS | _JSON, dataset=st.sampled_from(["income", "price", "ratios"]))
def test_no_content_of_a_file_breaks_the_reading(folder: Path, data: Any, dataset: str) -> None:
    """Whatever JSON a file holds, it is read or reported, and each record is stored or rejected."""
    answer = _read(folder, Entry("AAPL", dataset, data))
    assert (answer.records is None) == (answer.error is not None)
    if isinstance(data, list):
        assert answer.error is None or "a pattern" in answer.error
        assert answer.error or answer.count == len(data)
    if answer.records is not None and not answer.records.is_empty():
        result = normalized(dataset, answer)
        assert result.rows.height + result.rejects.height == answer.records.height
        assert result.rejects["reason"].null_count() == 0


@examples(60)
@given(st.binary(max_size=200), st.sampled_from([bytes, gzip.compress]))
def test_no_bytes_of_a_file_break_the_reading(folder: Path, body: bytes, wrap: Any) -> None:
    """Bytes of no meaning are a fault with a reason, never an exception."""
    answer = _read(folder, Entry("AAPL", "income", []), wrap(body))
    assert answer.error
    assert answer.records is None


@examples(60)
@given(st.integers(0), st.sampled_from([b"", b"\x00", b"{", b"]", b'"', b"\xff", b"NaN", b"1e999"]))
def test_a_file_damaged_at_any_place_is_read_or_named(folder: Path, place: int, instead: bytes) -> None:
    """A good file with something cut out and something put in its stead never stops a run."""
    text = Entry("AAPL", "income", [income(), income("2020-06-27", "Q3")]).text().encode()
    at = place % len(text)
    answer = _read(folder, Entry("AAPL", "income", []), text[:at] + instead + text[at + 7 :])
    assert (answer.records is None) == (answer.error is not None)
    if answer.records is not None and not answer.records.is_empty():
        result = normalized("income", answer)
        assert result.rows.height + result.rejects.height == answer.records.height


@examples(100)
@given(before=_FLAT, after=_FLAT)
def test_files_read_before_leave_no_mark_on_a_file(
    folder: Path, before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    """The columns of earlier files are an aid to speed: they cost no field and change no value."""
    shapes: Shapes = {}
    _read(folder, Entry("AAA", "income", before), shapes=shapes)
    entry = Entry("BBB", "income", after)
    aided, alone = _read(folder, entry, shapes=shapes), _read(folder, entry)
    assert (aided.error, aided.broken) == (alone.error, alone.broken)
    assert aided.records is not None
    assert alone.records is not None
    left, right = normalized("income", aided), normalized("income", alone)
    assert_frame_equal(left.rows, right.rows, check_exact=True)
    assert_frame_equal(left.rejects, right.rejects, check_exact=True)
    for answer in (aided, alone):
        given_names = {name for record in after for name, value in record.items() if value is not None}
        assert answer.records is not None
        assert given_names <= set(answer.records.columns)


@examples(60)
@given(
    st.lists(st.dictionaries(st.sampled_from(["vwap", "novelty", "label"]), _SCALAR), min_size=1, max_size=4)
)
def test_what_is_read_is_what_is_written(folder: Path, extras: list[dict[str, Any]]) -> None:
    """Read the fast way or the careful way, records have the fields and values that are in the file."""
    records = [bar("2020-01-02") | extra for extra in extras]
    result = _read(folder, Entry("AAPL", "price", records))
    assert result.records is not None
    for sent, row in zip(records, result.records.to_dicts(), strict=True):
        for name, value in sent.items():
            assert _same(row[name], value), (name, value, row[name])


def _same(result: Any, sent: Any) -> bool:
    """Equal in value, or its text where a column holds values of several types."""
    if isinstance(result, str) and not isinstance(sent, str) and sent is not None:
        return _same(json.loads(result), sent)
    if isinstance(sent, int | float) and isinstance(result, int | float):
        return float(result) == float(sent)
    return bool(result == sent)
