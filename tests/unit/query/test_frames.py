"""Test the order of rows in frames."""

from __future__ import annotations

from datetime import date

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from factorlab_lake.storage.duckdb_frames import in_order
from tests.support import examples

_SYMBOLS = st.sampled_from(
    ["A", "AA", "B", "BRK.B", "b", "É", "日本", "0700.HK", "600519", "~", "\U0001d538", "\uffee"]
)
_DAYS = st.dates(date(1, 1, 1), date(9999, 12, 31))


@examples(200)
@given(keys=st.lists(st.tuples(_SYMBOLS, _DAYS), max_size=30, unique=True))
def test_rows_are_ordered_as_text_and_date_are(keys: list[tuple[str, date]]) -> None:
    """Sorting by one number gives the order of the text and then the date, before 1970 too."""
    rows = pl.DataFrame(keys, schema={"symbol": pl.String, "date": pl.Date}, orient="row")
    ordered = in_order(rows.with_row_index(), [symbol for symbol, _ in keys])
    assert ordered.select("symbol", "date").rows() == sorted(keys)
    assert [keys[place] for place in ordered["index"]] == sorted(keys)
    assert ordered.schema == {"index": pl.UInt32, "symbol": pl.String, "date": pl.Date}
