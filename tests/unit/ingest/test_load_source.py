"""Test reading the source of a load in slices."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
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
    """Blocks end between records: quoted line ends and long records stay whole; empty lines are no rows."""
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8", newline="")
    expected = pl.read_csv(path, infer_schema=False).drop_nulls()
    slices = list(LoadSource(path).slices(1, block_bytes))
    assert_frame_equal(pl.concat(slices), expected)
    assert block_bytes < len(text) or len(slices) == 1


@pytest.mark.parametrize("kind", ["gzip", "gzip of two parts", "zlib", "zstd"])
def test_a_compressed_csv_file_is_read(tmp_path: Path, kind: str) -> None:
    """The rows of a compressed file are those of the file; gzip and zlib are read in blocks."""
    path, text = tmp_path / "rows.csv", b"symbol\nA\nB\n"
    packed = {
        "gzip": gzip.compress(text),
        "gzip of two parts": gzip.compress(text[:9]) + gzip.compress(text[9:]),
        "zlib": zlib.compress(text),
        "zstd": _zstd(text),
    }
    path.write_bytes(packed[kind])
    slices = list(LoadSource(path).slices(1, 8))
    assert pl.concat(slices)["symbol"].to_list() == ["A", "B"]
    assert len(slices) == (1 if kind == "zstd" else 2)


def _zstd(text: bytes) -> bytes:
    """Return zstd content of blocks that are stored or repeat one byte, as the format describes them."""
    header, size = b"\x28\xb5\x2f\xfd\x00\x38", len(text)  # a window of 128 KB, no declared size
    return header + (size << 3 | 1).to_bytes(3, "little") + text


def _zstd_bomb(blocks: int) -> bytes:
    repeated = ((1 << 17) << 3 | 2).to_bytes(3, "little") + b"\n"
    return b"\x28\xb5\x2f\xfd\x00\x38" + repeated * blocks + (1).to_bytes(3, "little")


def _huge_footer() -> bytes:
    """Return a Parquet file without pages whose footer counts 4 thousand million rows."""
    file = io.BytesIO()
    pl.DataFrame({"symbol": pl.Series(["A"] * 77_777)}).write_parquet(file)
    few, many = _zigzag(77_777), _zigzag(4 * 10**9)
    content = file.getvalue()
    size = int.from_bytes(content[-8:-4], "little")
    body, footer = content[: -8 - size], content[-8 - size : -8].replace(few, many)
    return body + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def _zigzag(number: int) -> bytes:
    """Return a whole number as Parquet's footer has it: seven bits in each byte."""
    number, parts = number * 2, bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


_LONG = b"symbol,label\n" + b"A,x\n" * 500_000
_BOMBS: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "gzip": (
        "rows.csv",
        lambda: gzip.compress(_LONG, 1),
        "more than [0-9,]+ bytes after decompression",
    ),
    "zlib": (
        "rows.csv",
        lambda: zlib.compress(_LONG, 1),
        "more than [0-9,]+ bytes after decompression",
    ),
    "zstd": ("rows.csv", lambda: _zstd_bomb(100), "more than [0-9,]+ bytes after decompression"),
    "cut gzip": ("rows.csv", lambda: gzip.compress(b"symbol\nA\n")[:-9], "cannot be read as .csv"),
    "wide": ("rows.csv", lambda: b",".join(b"c%d" % i for i in range(20_000)) + b"\n", "20,000 columns"),
    "open quote": (
        "rows.csv",
        lambda: b'symbol,label\nA,"' + b"x,\n" * 8_000_000,
        "a line of more than 16,000,000",
    ),
    "long row": ("rows.csv", lambda: b"symbol,label\nA,x,y\n", "a row has more values than the first line"),
    "footer": ("rows.parquet", _huge_footer, "its footer counts 4,000,000,000 rows"),
    "no Parquet": ("rows.parquet", lambda: b"PAR1" * 9, "cannot be read as .parquet"),
}


@pytest.mark.parametrize("case", _BOMBS)
def test_a_file_over_a_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """The error names the file and the bound, before the file is in memory."""
    monkeypatch.setattr("factorlab_lake.ingest.csv_blocks.MAX_UNPACKED_BYTES", 100_000)
    name, content, reason = _BOMBS[case]
    path = tmp_path / name
    path.write_bytes(content())
    with pytest.raises(InvalidInput, match=reason) as refused:
        list(LoadSource(path).slices(1000, 8_000_000))
    assert str(refused.value).startswith(name)


def test_a_wide_parquet_file_or_frame_is_refused(tmp_path: Path) -> None:
    """The bound of columns is that of a CSV file."""
    frame = pl.DataFrame({f"c{i}": [1] for i in range(1_001)})
    frame.write_parquet(tmp_path / "rows.parquet")
    for source in (frame, tmp_path / "rows.parquet"):
        with pytest.raises(InvalidInput, match="has 1,001 columns; at most 1,000"):
            LoadSource(source)


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
