"""Test each parser on arbitrary input: it reads, or raises an error of this package, and in time.

``FACTORLAB_FUZZ_EXAMPLES`` is the number of examples of each test, for long runs.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import warnings
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import factorlab_lake as fl
from factorlab_lake.errors import BadAnswer, LakeError
from factorlab_lake.ingest.legacy_cache.reader import CacheFile, parse_name, read
from factorlab_lake.ingest.load import LOADABLE
from factorlab_lake.ingest.load_checks import RowChecks
from factorlab_lake.ingest.load_source import LoadSource
from factorlab_lake.providers.fmp.endpoints import endpoints
from factorlab_lake.providers.fmp.parse import read_records
from factorlab_lake.schema import DATASETS, table
from factorlab_lake.settings import models
from factorlab_lake.storage.sealed import seal
from tests.support import FETCHED, Entry, answer, bar, income, normalized

_COUNT = int(os.environ.get("FACTORLAB_FUZZ_EXAMPLES", "0"))
_TOKENS = st.sampled_from(
    [
        *(
            b"",
            b"\x00",
            b"{",
            b"}",
            b"[",
            b"]",
            b'"',
            b"\\",
            b"\xff",
            b"NaN",
            b"1e999",
            b"-",
            b"null",
            b"true",
        ),
        *(b"\n", b"9" * 30, b"[" * 60, b'{"a":' * 60, b"9999-12-31", b"0001-01-01", b"\xed\xa0\x80", b","),
        b'"^a$":1,',
    ]
)
_PLACES = st.integers(0, 2**20)
_EDITS = st.lists(
    st.tuples(_PLACES, st.integers(0, 12), _TOKENS | st.binary(max_size=6)), min_size=1, max_size=3
)
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
_VALUES = st.recursive(
    _LEAVES,
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3),
    max_leaves=8,
)


def _examples(count: int) -> settings:
    return settings(max_examples=_COUNT or count, deadline=timedelta(seconds=30))


def _edited(content: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Replace some bytes of a valid content by others."""
    for place, length, instead in edits:
        at = place % (len(content) + 1)
        content = content[:at] + instead + content[at + length :]
    return content


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for one file after the other."""
    return tmp_path_factory.mktemp("parsers")


@_examples(25)
@given(edits=_EDITS, dataset=st.sampled_from(["income", "price", "ratios"]), packed=st.sampled_from("ngb"))
def test_a_cache_file(folder: Path, edits: Any, dataset: str, packed: str) -> None:
    """An edited file is read or is a fault with a reason, edited before or after its compression."""
    records = (
        [bar("2020-01-02"), bar("2020-01-03")] if dataset == "price" else [income(), income("2020-06-27")]
    )
    entry = Entry("AAPL", dataset, records)
    text = entry.text().encode()
    body = _edited(text, edits) if packed != "b" else _edited(gzip.compress(text, mtime=0), edits)
    path = entry.write(folder, gzip.compress(body, mtime=0) if packed == "g" else body)
    result = read(CacheFile(folder, path, 0, parse_name(Path(path).name)))
    assert (result.records is None) == (result.error is not None)
    if result.records is not None and not result.records.is_empty():
        typed = normalized(dataset, result)
        assert typed.rows.height + typed.rejects.height == result.records.height


@pytest.mark.parametrize("generation", ["v3", "stable"])
@_examples(12)
@given(data=st.data())
def test_a_body_of_fmp(generation: str, data: st.DataObject) -> None:
    """A body of any dataset gives records or a BadAnswer; each record becomes a row or a reject."""
    endpoint = endpoints(generation)[data.draw(st.sampled_from(sorted(endpoints(generation))))]
    fields = st.sampled_from(
        ["date", "symbol", "period", "acceptedDate", "numerator", "close", "cik", "oldSymbol"]
    )
    record = income() if endpoint.dataset != "price" else bar("2020-01-02")
    drawn = data.draw(st.lists(st.dictionaries(fields, _VALUES, max_size=4), max_size=3))
    records = [record, *(record | other for other in drawn)]
    whole = {"symbol": "AAPL", endpoint.member: records} if endpoint.member else records
    body = json.dumps(whole).encode()
    if data.draw(st.booleans()):
        body = _edited(body, data.draw(_EDITS))
    result = answer(endpoint.dataset, [])
    try:
        result.records = read_records(body, endpoint, result, {})
    except BadAnswer:
        return
    if endpoint.dataset in DATASETS and not result.records.is_empty():
        typed = normalized(endpoint.dataset, result)
        assert typed.rows.height + typed.rejects.height >= result.records.height


_CSV = b"symbol,date,close_price,split_basis_date\nA,2020-01-02,1.5,2020-01-02\nB,2020-01-03,2.5,2020-01-03\n"


@_examples(40)
@given(edits=_EDITS, name=st.sampled_from(LOADABLE), block=st.sampled_from([7, 60, 8000]))
def test_a_csv_file_of_a_load(folder: Path, edits: Any, name: str, block: int) -> None:
    """An edited file is read and checked, or refused with an InvalidInput."""
    body, path = _edited(_CSV, edits), folder / "rows.csv"
    path.write_bytes(gzip.compress(body, mtime=0) if block == 60 else body)
    checks = RowChecks(table(name), FETCHED)
    with contextlib.suppress(LakeError):
        for raw in LoadSource(path).slices(10, block):
            checks.typed(raw)
        checks.raise_faults()


@_examples(30)
@given(edits=_EDITS)
def test_a_parquet_file_of_a_load(folder: Path, edits: Any) -> None:
    """An edited Parquet file is read, or refused with an InvalidInput."""
    path = folder / "rows.parquet"
    if not path.exists():
        rows = {"symbol": ["A", "B"], "date": ["2020-01-02", "2020-01-03"], "close_price": [1.5, 2.5]}
        pl.DataFrame(rows).write_parquet(path)
        (folder / "whole").write_bytes(path.read_bytes())
    path.write_bytes(_edited((folder / "whole").read_bytes(), edits))
    with contextlib.suppress(LakeError):
        for raw in LoadSource(path).slices(10):
            RowChecks(table("price_data"), FETCHED).typed(raw)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a small lake of two snapshots."""
    place = tmp_path_factory.mktemp("whole") / "lake"
    with fl.open(place) as lake:
        for day in ("2020-08-31", "2014-06-09"):
            lake.load("splits", {"symbol": ["AAPL"], "date": [day], "numerator": [4], "denominator": [1]})
    return place


def _answers(place: Path) -> list[Any]:
    with fl.open(place) as lake:
        rows = lake.sql("SELECT date, numerator FROM splits ORDER BY date").rows()
        return [*rows, lake.settings, lake.snapshot.id]


@contextlib.contextmanager
def _with_content(path: Path, content: bytes) -> Iterator[None]:
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(before)


_SMALL_FILES = st.sampled_from(["lake.json", "newest.json", "snapshots/000000000002.json"])


@_examples(12)
@given(edits=_EDITS, name=_SMALL_FILES)
def test_a_small_file_of_a_lake(whole: Path, edits: Any, name: str) -> None:
    """An edited snapshot or identity is a LakeError, or has no effect on an answer."""
    path, expected = whole / "_lake" / name, _answers(whole)
    with _with_content(path, _edited(path.read_bytes(), edits)), contextlib.suppress(LakeError):
        assert _answers(whole) == expected


@_examples(12)
@given(changes=st.data(), name=_SMALL_FILES)
def test_a_small_file_of_wrong_values(whole: Path, changes: st.DataObject, name: str) -> None:
    """Whoever writes the checksum too can change a lake, but gets no error of another package."""
    path = whole / "_lake" / name
    body = json.loads(path.read_bytes())
    body.pop("sha256")
    field = changes.draw(st.sampled_from([*sorted(body), "new", "availability", "provider_order"]))
    body[field] = changes.draw(_VALUES)
    with _with_content(path, seal(body).encode()), contextlib.suppress(LakeError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _answers(whole)


_NAMES = sorted(models.Settings.model_fields)
_TEXTS = st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12
) | st.sampled_from(["1e999", "-1", "nan", "inf", "9" * 5000, "true", "{}", "[1]", "None", "0x10", "1_0"])


@_examples(25)
@given(values=st.dictionaries(st.sampled_from(_NAMES), _TEXTS, max_size=4))
def test_settings_of_the_environment(values: dict[str, str]) -> None:
    """Each text in a variable is read or is an InvalidInput, never another error."""
    variables = {f"FACTORLAB_{name.upper()}": text for name, text in values.items()}
    with mock.patch.dict(os.environ, variables), contextlib.suppress(LakeError):
        models.settings.__wrapped__()


@_examples(25)
@given(edits=_EDITS)
def test_settings_of_a_file(folder: Path, edits: Any) -> None:
    """An edited ``.env`` is read or is an InvalidInput."""
    text = b'FACTORLAB_LAKE="data/lake"\nFACTORLAB_POOL_SIZE=1\n# comment\nFACTORLAB_READ_INDEX=true\n'
    (folder / ".env").write_bytes(_edited(text, edits))
    with contextlib.chdir(folder), contextlib.suppress(LakeError):
        models.settings.__wrapped__()
