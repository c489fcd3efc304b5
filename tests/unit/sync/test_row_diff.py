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
    given = {
        "symbol": [*numerators],
        "date": ["2020-01-02"] * len(numerators),
        "numerator": [*numerators.values()],
    }
    empty = pl.DataFrame(schema=polars_schema(SPEC))
    some = pl.DataFrame(given, schema={"symbol": pl.String, "date": pl.String, "numerator": pl.Float64})
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
    """As digests have it: NaN is equal to itself, NULL to NULL alone, and -0 differs from 0."""
    before, after = _rows(A=5.0, B=old), _rows(A=5.0, **({"AA": 1.0} if more else {}), B=new)
    went, came = changed_rows(before, after, SPEC)
    assert went["symbol"].to_list() == ["B"] * differ
    assert came["symbol"].to_list() == ["AA"] * more + ["B"] * differ


def test_rows_that_went_and_rows_that_came_are_told_apart() -> None:
    """A key of one side alone is in that side's answer; the order of rows does not matter."""
    went, came = changed_rows(_rows(A=1.0, B=2.0, C=3.0), _rows(C=3.0, D=4.0, A=9.0), SPEC)
    assert went.select("symbol", "numerator").rows() == [("A", 1.0), ("B", 2.0)]
    assert came.select("symbol", "numerator").rows() == [("D", 4.0), ("A", 9.0)]


def test_the_digest_that_follows_from_older_files_is_that_of_the_rows(small: Lake, tmp_path: Path) -> None:
    """A correction's file gets the digest that reading all of it gives."""
    layout, spec = layouts.find(small.path), table("price_data")
    before = LakeSide(layout, snapshots.latest(layout), cached=False).batches(spec)["2019"]
    corrected = [bar("2019-01-03", 7.0), bar("2019-01-07", 8.0)]
    arrive(small, tmp_path, Entry("AAA", "price", corrected, cached_at=LATER))
    side = LakeSide(layout, snapshots.latest(layout), cached=False)
    after = side.batches(spec)["2019"]
    found = side.replaced(spec, before, after)
    assert found is not None
    went, came = found
    assert came.filter(pl.col("close_price") == 7.0)["date"].cast(pl.String).to_list() == ["2019-01-03"]
    assert went.height < 6
    anew = LakeSide(layout, side.snapshot, cached=False)
    assert side.digest(spec, after) == anew.digest(spec, after)
