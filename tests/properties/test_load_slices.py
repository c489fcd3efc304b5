"""Test that a load in slices of any size gives the lake and the error of a load in one slice."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.load import load
from factorlab_lake.schema import TABLES
from factorlab_lake.storage import data_files, snapshots
from factorlab_lake.storage.commits import transaction
from factorlab_lake.storage.file_rows import read_files
from factorlab_lake.storage.layout import Layout, create
from tests.support import examples

# A frame may have a row twice, which a load says.
pytestmark = pytest.mark.filterwarnings("ignore:.* stored once:factorlab_lake.errors.LakeWarning")

_NOW = datetime(2021, 3, 31, 22, tzinfo=UTC)
_FIRST = date(2019, 12, 27)
# The days include a change of the year, and two symbols have prices that a split of 4:1 relates.
_ROW = st.tuples(
    st.sampled_from(["AAA", "BBB", "CCCCCCCCCCCCCCCCCCCC"]),
    st.integers(0, 9),
    st.sampled_from([400.0, 100.0, 101.5, 0.0]),
    st.sampled_from([None, 0.0, 7.0]),
)
_FRAMES = st.lists(_ROW, min_size=1, max_size=14)


def _bars(rows: list[Any], age_days: int) -> pl.DataFrame:
    """Return bars as a user's frame; ``age_days`` sets the time of the fetch that they are from."""
    fetched = _NOW - timedelta(days=age_days)
    return pl.DataFrame(
        {
            "volume": [volume for *_, volume in rows],
            "symbol": [symbol for symbol, *_ in rows],
            "date": [_FIRST + timedelta(days=day) for _, day, *_ in rows],
            "close_price": [close or 100.0 for *_, close, _ in rows],
            "fetched_at": [fetched] * len(rows),
            "split_basis_date": [fetched.date()] * len(rows),
        },
        schema_overrides={"volume": pl.Float64, "fetched_at": pl.Datetime("us", "UTC")},
    )


def _distinct(rows: list[Any]) -> list[Any]:
    """Return the rows without those that contradict an earlier one; equal rows stay."""
    first: dict[Any, Any] = {}
    return [row for row in rows if first.setdefault(row[:2], row) == row]


def _tables(layout: Layout) -> dict[str, pl.DataFrame]:
    """Return all rows of the newest snapshot in a fixed order."""
    snapshot = snapshots.latest(layout)
    tables = {n: read_files(layout, n, data_files.files_of(layout, snapshot, n)) for n in TABLES}
    return {n: rows.sort(rows.columns, nulls_last=True) for n, rows in tables.items()}


def _loaded(folder: Path, table: str, sources: list[Any], slice_rows: int) -> dict[str, pl.DataFrame]:
    layout = create(folder / str(slice_rows))
    for number, source in enumerate(sources):
        with transaction(layout, reason="load", program_version="test") as tx:
            load(tx, table, source, now=_NOW + timedelta(hours=number), slice_rows=slice_rows)
    assert snapshots.latest(layout).id <= len(sources)
    return _tables(layout)


def _assert_equal(left: dict[str, pl.DataFrame], right: dict[str, pl.DataFrame]) -> None:
    for name in TABLES:
        assert_frame_equal(left[name], right[name], check_exact=True)


@given(st.lists(st.tuples(_FRAMES, st.sampled_from([0, 30, 400])), min_size=1, max_size=3))
@examples(60)
def test_slices_of_every_size_give_the_lake_of_one_slice(loads: list[tuple[list[Any], int]]) -> None:
    """Rows, revisions, inferred splits and the log are equal, whatever was loaded before and is repeated."""
    frames = [_bars(_distinct(rows), age) for rows, age in loads]
    with TemporaryDirectory() as folder:
        whole = _loaded(Path(folder), "price_data", frames, 1_000_000)
        for slice_rows in (1, 2, 3, 5, 8):
            _assert_equal(_loaded(Path(folder), "price_data", frames, slice_rows), whole)


@given(_FRAMES, st.integers(0, 20), st.sampled_from(["close_price", "symbol", "none"]))
@examples(40)
def test_slices_of_every_size_report_the_error_of_one_slice(rows: list[Any], bad: int, column: str) -> None:
    """A wrong value, a missing value or a contradiction has the same message, and nothing is committed."""
    frame = _bars(rows, 0).with_columns(pl.col("close_price").cast(pl.String))
    if column != "none":
        wrong = pl.lit("0" if column == "close_price" else "")
        at = pl.int_range(pl.len()) == bad % len(rows)
        frame = frame.with_columns(pl.when(at).then(wrong).otherwise(pl.col(column)).alias(column))
    with TemporaryDirectory() as folder:
        results = [_error(Path(folder), frame, slice_rows) for slice_rows in (1_000_000, 1, 2, 3, 7)]
    assert len(set(results)) == 1


def _error(folder: Path, frame: pl.DataFrame, slice_rows: int) -> str:
    try:
        _loaded(folder, "price_data", [frame], slice_rows)
    except InvalidInput as error:
        assert snapshots.latest(_layout(folder, slice_rows)).id == 0
        return str(error)
    return ""


def _layout(folder: Path, slice_rows: int) -> Layout:
    """Return the layout of a lake that :func:`_loaded` created."""
    return Layout((folder / str(slice_rows)).resolve())


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_gives_the_lake_of_its_frame(tmp_path: Path, suffix: str) -> None:
    """A file that is read in slices gives the rows of the frame that it was written from."""
    rows = [("AAA", day, 100.0 + day, None) for day in range(10)] + [("BBB", 2, 5.0, 1.0)] * 3
    frame = _bars(rows, 0).drop("fetched_at")
    file = tmp_path / f"bars.{suffix}"
    (frame.write_csv if suffix == "csv" else frame.write_parquet)(file)
    of_frame = _loaded(tmp_path, "price_data", [frame], 1_000_000)
    of_file = _loaded(tmp_path, "price_data", [file], 2)
    assert of_frame["data_fetch_log"]["endpoint"].to_list() == ["load:frame"]
    assert of_file["data_fetch_log"]["endpoint"].to_list() == [f"load:{file.name}"]
    assert_frame_equal(of_file["price_data"], of_frame["price_data"], check_exact=True)


@pytest.mark.parametrize("table", ["splits", "dividends", "shares_outstanding"])
def test_other_tables_are_read_in_slices_too(tmp_path: Path, table: str) -> None:
    """Tables without partitions give the same rows and versions for slices of every size."""
    day = "as_of_date" if table == "shares_outstanding" else "date"
    by_table: dict[str, dict[str, Any]] = {
        "splits": {"numerator": 4.0, "denominator": 1.0},
        "dividends": {"dividend": 0.5},
        "shares_outstanding": {"source": "cover_page", "shares": 1e6, "split_basis_date": "2020-06-01"},
    }
    rows = [{"symbol": s, day: f"2020-0{m}-01", **by_table[table]} for m in (1, 2, 3) for s in ("B", "A")]
    frames = [pl.DataFrame(rows + rows[:2]), pl.DataFrame(rows[:3]).with_columns(pl.lit("B").alias("symbol"))]
    frames[1] = frames[1].unique(maintain_order=True)
    whole = _loaded(tmp_path, table, frames, 1_000_000)
    assert whole[table].height >= 6
    for slice_rows in (1, 2, 5):
        _assert_equal(_loaded(tmp_path, table, frames, slice_rows), whole)


@pytest.mark.parametrize("stop_at", [1, 2])
def test_an_interruption_between_slices_commits_nothing(tmp_path: Path, stop_at: int) -> None:
    """A load that stops after some slices were merged leaves the lake as it was, and can be repeated."""
    layout = create(tmp_path / "lake")
    frame = _bars([(symbol, day, 100.0, None) for symbol in ("AAA", "BBB") for day in range(10)], 0)
    merged: list[int] = []

    def stop(*, rows_done: int, step: str, **_: Any) -> None:
        if step == "merging":
            merged.append(rows_done)
            if len(merged) > stop_at:
                raise KeyboardInterrupt

    for progress in (stop, None):
        before = _tables(layout)
        assert all(rows.is_empty() for rows in before.values())
        with (
            pytest.raises(KeyboardInterrupt) if progress else nullcontext(),
            transaction(layout, reason="load", program_version="test") as tx,
        ):
            load(tx, "price_data", frame, now=_NOW, slice_rows=5, progress=progress)
    assert merged[-1] == merged[stop_at] > 0
    assert _tables(layout)["price_data"].height == 20
