"""Test that a text which no exchange uses as a symbol is refused at the door, with its row."""

from __future__ import annotations

import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.row_checks import checked_symbols
from factorlab_lake.lake import Lake
from factorlab_lake.schema.limits import MAX_SYMBOL_LENGTH

_LONGEST = "A" * MAX_SYMBOL_LENGTH


def _split(symbol: str) -> dict[str, list[object]]:
    return {"symbol": ["Y", symbol], "date": ["2020-01-02"] * 2, "numerator": [2, 2], "denominator": [1, 1]}


@pytest.mark.parametrize("symbol", [_LONGEST + "A", "A" * 20_000, "A\x1b[2J", "A\u202eB", "A\u2066B"])
def test_a_long_text_or_a_control_character_is_no_symbol(lake: Lake, symbol: str) -> None:
    """A database refuses long keys, so a sync of such a row would never end; a terminal runs the others."""
    with pytest.raises(InvalidInput, match="is no symbol") as caught:
        lake.load("splits", _split(symbol))
    assert "Row 2" in str(caught.value)
    assert lake.snapshot.id == 0
    with pytest.raises(InvalidInput, match="is no symbol") as caught:
        checked_symbols([symbol])
    assert len(str(caught.value)) < 300


def test_the_longest_symbol_is_loaded(lake: Lake) -> None:
    """The limit is included."""
    assert lake.load("splits", _split(_LONGEST)) == 2
    assert checked_symbols([_LONGEST]) == [_LONGEST]
