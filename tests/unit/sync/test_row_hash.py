from __future__ import annotations

import hashlib
import json
import math
import struct
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factorlab_lake.schema import TABLES
from factorlab_lake.sync.row_hash import canonical_json, clean, hashed, sendable_json
from tests.support import examples, table_rows

_BARS, _REJECTS = TABLES["price_data"], TABLES["rejected_records"]


def _digests(*rows: dict[str, Any]) -> list[int]:
    return hashed(table_rows("price_data", list(rows)), _BARS)["row_hash"].to_list()


def _digest(**values: Any) -> int:
    [digest] = _digests({"symbol": "A"} | values)
    return digest


def test_a_hash_never_changes() -> None:
    """Targets keep hashes for years, so another method must have another name."""
    row = {"symbol": "BRK.B", "close_price": 1.5, "year": 2020, "extra": '{"a": 1.50}'}
    bits = {
        "symbol": _bits_of("BRK.B"),
        "close_price": int.from_bytes(struct.pack(">d", 1.5), "big"),
        "year": 2020,
        "extra": _bits_of('{"a": "n1.5"}'),
    }
    mixed = _spread(sum(_spread(value ^ _bits_of(name)) for name, value in bits.items()) % 2**64)
    assert _digests(row) == [-2371577832604517049]
    assert [d % 2**64 for d in _digests(row)] == [mixed]


def _bits_of(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _spread(bits: int) -> int:
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB % 2**64
    return bits ^ bits >> 31


def test_every_bit_of_a_value_counts() -> None:
    """Zero and -0, NULL and zero, neighbouring floats, and equal values of two columns all differ."""
    values = [
        _digest(),
        _digest(close_price=0.0),
        _digest(close_price=-0.0),
        _digest(close_price=math.nan),
        _digest(close_price=math.inf),
        _digest(close_price=1.0),
        _digest(close_price=math.nextafter(1.0, 2.0)),
        _digest(open_price=1.0),
        _digest(open_price=1.0, close_price=1.0),
        _digest(extra="1"),
        _digest(extra='"1"'),
    ]
    assert len(set(values)) == len(values)
    assert _digest(close_price=math.nan) == _digest(close_price=float("nan"))


def test_swapped_values_change_the_sum() -> None:
    """Two rows that swap their prices have other hashes and another sum."""
    one = _digests({"symbol": "A", "close_price": 1.0}, {"symbol": "B", "close_price": 2.0})
    other = _digests({"symbol": "A", "close_price": 2.0}, {"symbol": "B", "close_price": 1.0})
    assert sum(one) != sum(other)


def test_an_added_column_without_values_changes_no_hash() -> None:
    """A later version may add a column; rows that were sent before keep their hashes."""
    row = {"symbol": "A", "date": None, "close_price": 1.0}
    frame = table_rows("price_data", [row])
    revisions = TABLES["price_revisions"]
    wider = table_rows("price_revisions", [row])
    assert hashed(frame, _BARS)["row_hash"].to_list() == hashed(wider, revisions)["row_hash"].to_list()


def test_an_empty_table_has_no_hashes() -> None:
    """An empty frame is hashed without an error."""
    assert _digests() == []
    assert clean(table_rows("price_data", []), _BARS).is_empty()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@examples(100)
@given(_JSON)
def test_cleaning_json_is_idempotent(value: Any) -> None:
    """The result is strict JSON without NUL, and cleaning it again changes nothing."""
    sent = sendable_json(json.dumps(value))
    json.loads(sent, parse_constant=_refuse)
    assert "\\u0000" not in sent
    sent.encode()
    assert sendable_json(sent) == sent


def _refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is not JSON")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"b": 1, "a": 2}', '{"a":2,"b":1}'),
        ("[1.50, 1e2, -0.0]", "[1.5, 100, 0]"),
        (r'"\u00e9"', '"é"'),
        ('{"a": 1, "a": 2}', '{"a": 2}'),
    ],
)
def test_equal_documents_have_one_canonical_form(one: str, other: str) -> None:
    """Spaces, key order, and the spelling of a number or a letter make no difference."""
    assert canonical_json(one) == canonical_json(other)


def test_different_documents_have_different_canonical_forms() -> None:
    """A text is not a number, an empty list no empty object, and every digit of a number counts."""
    texts = ["1", '"1"', "[]", "{}", "null", "1.0000000000000000000001", "[1]", '{"1": null}', '"n1"', "true"]
    assert len({canonical_json(t) for t in texts}) == len(texts)


def test_rows_are_cleaned_without_touching_the_others() -> None:
    """NUL is replaced; a frame without NUL is returned unchanged."""
    rows = table_rows("rejected_records", [{"fetch_id": "a\0", "reason": None}, {"fetch_id": "b"}])
    assert clean(rows, _REJECTS)["fetch_id"].to_list() == ["a␀", "b"]
    plain = pl.concat([rows.tail(1)] * 2)
    assert clean(plain, _REJECTS).equals(plain)
