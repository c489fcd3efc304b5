"""Change a lake for a test: append bars, and edit a small file without breaking its checksum."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from factorlab_lake.lake import Lake
from factorlab_lake.storage.sealed import parse, seal
from tests.support import table_rows, writing

__all__ = ["add_bars", "change_sealed"]


def add_bars(lake: Lake, *symbols: str) -> None:
    """Append one bar of 2020 for each symbol, each in its own snapshot."""
    for symbol in symbols:
        row = {"symbol": symbol, "date": date(2020, 1, 2), "close_price": 7.5, "year": 2020}
        with writing(lake) as tx:
            tx.append("price_data", table_rows("price_data", [row]))
    lake.refresh()


def change_sealed(path: Path, **values: Any) -> None:
    """Change values in a small file of a lake, and seal it again: the change is no damage."""
    body = parse(path.read_bytes())
    assert body is not None
    path.write_text(seal(body | values))
