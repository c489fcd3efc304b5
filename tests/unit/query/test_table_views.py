"""The views over data files of which some were written before a column was added."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from factorlab_lake.derive.availability_rule import CLOSE
from factorlab_lake.lake import Lake
from factorlab_lake.schema import table
from factorlab_lake.storage.data_files import DataFile, files_of
from factorlab_lake.storage.delta import polars_schema
from factorlab_lake.storage.layout import find
from tests.support import copy_of

SPEC = table("splits")
OLD, NEW = "old.parquet", "new.parquet"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write one file without the column ``label``, and one with a value in it."""
    folder = tmp_path / SPEC.name
    folder.mkdir()
    schema = polars_schema(SPEC)
    rows = {"symbol": ["AAPL"], "date": [date(2020, 8, 31)], "label": ["August 31, 20"]}
    frame = pl.concat([pl.DataFrame(schema=schema), pl.DataFrame(rows)], how="diagonal_relaxed")
    frame.with_columns(symbol=pl.lit("MSFT")).drop("label").write_parquet(folder / OLD)
    frame.write_parquet(folder / NEW)
    return folder


@pytest.mark.parametrize("order", [(OLD, NEW), (NEW, OLD)], ids=["older first", "newer first"])
def test_a_column_is_null_where_a_file_lacks_it(folder: Path, order: tuple[str, str]) -> None:
    """Each row has the value of its file, whichever file comes first."""
    files = [DataFile(name, 0, 1, None, (None, None), (None, None)) for name in order]
    with duckdb.connect() as con:
        con.execute(CLOSE.table_view(SPEC, folder, files))
        result = con.execute("SELECT symbol, label FROM splits ORDER BY symbol").fetchall()
    assert result == [("AAPL", "August 31, 20"), ("MSFT", None)]


def _opened(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the files whose columns are read to make the view of all income statements."""
    opened: list[str] = []
    read = pl.read_parquet_schema

    def counted(file: Path) -> dict[str, pl.DataType]:
        opened.append(str(file))
        return read(file)

    monkeypatch.setattr(pl, "read_parquet_schema", counted)
    spec = table("income_statements")
    folder = lake.path / spec.name
    assert "union_by_name" not in CLOSE.table_view(
        spec, folder, files_of(find(lake.path), lake.snapshot, spec.name)
    )
    return opened


def test_no_file_is_opened_where_no_column_was_added(
    lake_2021: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that always had its columns is known by the first entry of its log."""
    assert _opened(lake_2021, monkeypatch) == []


def test_files_are_opened_where_the_first_entry_is_gone(
    lake_2021: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vacuum may delete the first entry of a log; then the files themselves say which columns they have."""
    lake = copy_of(lake_2021, tmp_path / "lake")
    (lake.path / "income_statements" / "_delta_log" / f"{0:020d}.json").unlink()
    assert len(_opened(lake, monkeypatch)) > 1
