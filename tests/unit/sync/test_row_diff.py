from __future__ import annotations

import math
from pathlib import Path

import polars as pl
import pytest

from factorlab_lake.lake import Lake
from factorlab_lake.schema import table
from factorlab_lake.storage import layout as layouts
from factorlab_lake.storage import snapshots
from factorlab_lake.storage.delta import polars_schema
from factorlab_lake.sync.digests import LakeSide
from factorlab_lake.sync.row_diff import changed_rows
from tests.support import LATER, Entry, arrive, bar

SPEC = table("splits")


def _rows(**numerators: float | None) -> pl.DataFrame:
    values = {
        "symbol": [*numerators],
        "date": ["2020-01-02"] * len(numerators),
        "numerator": [*numerators.values()],
    }
    empty = pl.DataFrame(schema=polars_schema(SPEC))
    some = pl.DataFrame(values, schema={"symbol": pl.String, "date": pl.String, "numerator": pl.Float64})
    return pl.concat([empty, some.with_columns(pl.col("date").str.to_date())], how="diagonal")


@pytest.mark.parametrize(
    ("old", "new", "differ"),
    [
        (1.0, 1.0, False),
        (1.0, 2.0, True),
        (math.nan, math.nan, False),
        (None, None, False),
        (None, 0.0, True),
        (0.0, None, True),
        (0.0, -0.0, True),
    ],
)
@pytest.mark.parametrize("more", [False, True], ids=["same keys", "a key more"])
def test_a_row_differs_where_the_bits_of_a_value_do(
    old: float | None, new: float | None, *, differ: bool, more: bool
) -> None:
    """As in row hashes, NaN equals itself, NULL equals only NULL, and -0 differs from 0."""
    before, after = _rows(A=5.0, B=old), _rows(A=5.0, **({"AA": 1.0} if more else {}), B=new)
    removed, added = changed_rows(before, after, SPEC)
    assert removed["symbol"].to_list() == ["B"] * differ
    assert added["symbol"].to_list() == ["AA"] * more + ["B"] * differ


def test_removed_rows_and_added_rows_are_separate() -> None:
    """A key that one side has is in that side's result; the order of rows does not matter."""
    removed, added = changed_rows(_rows(A=1.0, B=2.0, C=3.0), _rows(C=3.0, D=4.0, A=9.0), SPEC)
    assert removed.select("symbol", "numerator").rows() == [("A", 1.0), ("B", 2.0)]
    assert added.select("symbol", "numerator").rows() == [("D", 4.0), ("A", 9.0)]


def test_the_digest_computed_from_older_files_is_that_of_the_rows(small: Lake, tmp_path: Path) -> None:
    """The file of a correction gets the same digest as if all its rows were hashed."""
    layout, spec = layouts.find(small.path), table("price_data")
    before = LakeSide(layout, snapshots.latest(layout), cached=False).batches(spec)["2019"]
    corrected = [bar("2019-01-03", 7.0), bar("2019-01-07", 8.0)]
    arrive(small, tmp_path, Entry("AAA", "price", corrected, cached_at=LATER))
    side = LakeSide(layout, snapshots.latest(layout), cached=False)
    after = side.batches(spec)["2019"]
    replaced = side.replaced(spec, before, after)
    assert replaced is not None
    removed, added = replaced
    assert added.filter(pl.col("close_price") == 7.0)["date"].cast(pl.String).to_list() == ["2019-01-03"]
    assert removed.height < 6
    recomputed = LakeSide(layout, side.snapshot, cached=False)
    assert side.digest(spec, after) == recomputed.digest(spec, after)
