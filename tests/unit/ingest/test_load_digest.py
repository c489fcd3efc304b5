"""Test the digest that identifies a load."""

from __future__ import annotations

import hashlib
import struct
from datetime import date

import polars as pl
import pytest

from factorlab_lake.ingest.load_digest import RowsDigest

_ROWS = pl.DataFrame(
    {
        "symbol": ["A", "BÖ", None, "D" * 20],
        "date": [date(2020, 1, 2), date(1969, 12, 31), date(2020, 1, 3), date(2020, 1, 6)],
        "close_price": [1.5, None, -0.0, 3.25],
        "flag": [True, None, False, True],
    }
)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest(*slices: pl.DataFrame) -> str:
    digest = RowsDigest("price_data")
    for rows in slices:
        digest.update(rows)
    return digest.hexdigest()


def test_digest_is_that_of_the_documented_form() -> None:
    """The digest, computed here from packed bytes, is independent of polars and of its hash functions."""
    columns = {
        "close_price": (struct.pack("<4d", 1.5, 0.0, 0.0, 3.25), b"", struct.pack("<Q", 1)),
        "date": (struct.pack("<4i", 18263, -1, 18264, 18267), b"", b""),
        "flag": (b"\x01\x00\x00\x01", b"", struct.pack("<Q", 1)),
        "symbol": (
            "ABÖ".encode() + b"D" * 20, struct.pack("<4I", 1, 3, 0, 20), struct.pack("<Q", 2),
        ),
    }  # fmt: skip
    lines = [f"{name}={'/'.join(map(_sha256, parts))}" for name, parts in columns.items()]
    assert _digest(_ROWS) == _sha256("\n".join(["price_data", "4", *lines]).encode())


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_digest_does_not_depend_on_slices_or_the_order_of_columns(rows: int) -> None:
    """The digest is the same for slices of every size and for another order of the columns."""
    assert _digest(*_ROWS.iter_slices(rows)) == _digest(_ROWS.select(sorted(_ROWS.columns)))


@pytest.mark.parametrize(
    "change",
    [
        pl.col("symbol").fill_null(""),
        pl.col("date").dt.offset_by("1d"),
        pl.col("close_price").fill_null(0.0),
        pl.col("close_price").shift(1),
        pl.col("flag").fill_null(value=False),
        pl.lit(None, pl.Float64).alias("volume"),
    ],
)
def test_another_value_is_another_digest(change: pl.Expr) -> None:
    """The digest is another one for a changed, moved or missing value and for a further column."""
    assert _digest(_ROWS.with_columns(change)) != _digest(_ROWS)
