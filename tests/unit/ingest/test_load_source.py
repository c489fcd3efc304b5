"""Test reading the source of a load in slices."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.load_source import LoadSource

_TEXTS = {
    "plain": "symbol,label\nA,x\nB,y\nC,z\n",
    "quotes": 'symbol,label\nA,"x, ""1""\n2"\nB,y\n"C\n",z\n',
    "header with a line end": '"symbol","la\nbel"\nA,x\nB,y\n',
    "Windows line ends": "\ufeffsymbol,label\r\nA,x\r\nB,y\r\n",
    "empty lines": "\n\nsymbol,label\nA,x\n\nB,y\n",
    "no last line end": "symbol,label\n0700,x\nB,y",
    "header alone": "symbol,label",
}


@pytest.mark.parametrize("text", _TEXTS.values(), ids=_TEXTS)
@pytest.mark.parametrize("block_bytes", [1, 5, 16, 1000])
def test_blocks_of_a_csv_file_have_its_rows(tmp_path: Path, text: str, block_bytes: int) -> None:
    """Blocks end between records: quoted line ends and long records stay whole."""
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8", newline="")
    expected = pl.read_csv(path, infer_schema=False)
    slices = list(LoadSource(path).slices(1, block_bytes))
    assert_frame_equal(pl.concat(slices), expected)
    assert block_bytes < len(text) or len(slices) == 1


def test_a_compressed_csv_file_is_read(tmp_path: Path) -> None:
    """A gzip file is one block, because polars decompresses it."""
    path = tmp_path / "rows.csv"
    path.write_bytes(gzip.compress(b"symbol\nA\nB\n"))
    assert pl.concat(LoadSource(path).slices(1, 4))["symbol"].to_list() == ["A", "B"]


@pytest.mark.parametrize("rows", [1, 2, 3, 10])
def test_slices_of_a_parquet_file_have_its_rows(tmp_path: Path, rows: int) -> None:
    """Slices follow each other, across row groups; a file without rows gives one empty slice."""
    path = tmp_path / "rows.parquet"
    frame = pl.DataFrame({"symbol": ["A", "B", "C", "D", "E"]})
    frame.write_parquet(path, row_group_size=2)
    slices = list(LoadSource(path).slices(rows))
    assert_frame_equal(pl.concat(slices), frame)
    assert max(s.height for s in slices) <= rows
    frame.clear().write_parquet(path)
    assert [s.height for s in LoadSource(path).slices(rows)] == [0]


def test_a_row_with_too_many_values_is_refused_in_a_late_block(tmp_path: Path) -> None:
    """A malformed record in a later block raises the error of a file that cannot be read."""
    path = tmp_path / "rows.csv"
    path.write_text("symbol,label\nA,x\nB,y\nC,z,1,2\n")
    with pytest.raises(InvalidInput, match=r"rows\.csv cannot be read"):
        list(LoadSource(path).slices(1, 8))
