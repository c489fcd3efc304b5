"""The views over data files of which some were written before a column was added."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from factorlab_lake.query.table_views import table_view
from factorlab_lake.schema import table
from factorlab_lake.storage.data_file import DataFile
from factorlab_lake.storage.delta import polars_schema

SPEC = table("splits")
OLD, NEW = "old.parquet", "new.parquet"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One file without the column ``label``, and one with a value in it."""
    schema = polars_schema(SPEC)
    rows = {"symbol": ["AAPL"], "date": [date(2020, 8, 31)], "label": ["August 31, 20"]}
    frame = pl.concat([pl.DataFrame(schema=schema), pl.DataFrame(rows)], how="diagonal_relaxed")
    frame.with_columns(symbol=pl.lit("MSFT")).drop("label").write_parquet(tmp_path / OLD)
    frame.write_parquet(tmp_path / NEW)
    return tmp_path


@pytest.mark.parametrize("order", [(OLD, NEW), (NEW, OLD)], ids=["older first", "newer first"])
def test_a_column_is_null_where_a_file_lacks_it(folder: Path, order: tuple[str, str]) -> None:
    """Each row has the value of its file, whichever file comes first."""
    files = [DataFile(name, 0, 1, None, (None, None), (None, None)) for name in order]
    with duckdb.connect() as con:
        con.execute(table_view(SPEC, folder, files))
        found = con.execute("SELECT symbol, label FROM splits ORDER BY symbol").fetchall()
    assert found == [("AAPL", "August 31, 20"), ("MSFT", None)]
