"""Test that other engines read every table of a lake's folder, with the same rows and values."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES
from factorlab_lake.schema.spec import Column, TableSpec
from tests.contracts.read_with import READERS
from tests.support import content, copy_of, table_rows, writing

_PYTHON = Path(sys.prefix) / "engines" / "bin" / "python"  # `make engines` puts the environment there
_MISSING = not _PYTHON.exists() and "CI" not in os.environ  # CI fails where it is missing
_OLD_LAKE = Path(__file__).parents[1] / "compat" / "lake_0_1.zip"
_TEXT = "Zürich – \u200b株"

pytestmark = pytest.mark.skipif(_MISSING, reason="`make engines` installs daft, pysail and chdb (1.6 GB)")


@pytest.fixture(scope="module")
def new_lake(lake_2021: Lake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return the sample's lake with rows in every table: one with all values, and one with NULLs."""
    lake = copy_of(lake_2021, tmp_path_factory.mktemp("engines") / "lake")
    with writing(lake) as writer:
        for name, spec in TABLES.items():
            writer.append(name, table_rows(name, [_full_row(spec), _sparse_row(spec)]))
    return fl.open(lake.path)


@pytest.fixture(scope="module")
def compacted_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of version 0.1.0, whose text columns were string views, after a compaction."""
    folder = tmp_path_factory.mktemp("compacted")
    zipfile.ZipFile(_OLD_LAKE).extractall(folder)
    lake = fl.open(next(folder.rglob("_lake")).parent, create=False)
    lake.compact()
    return lake


def _full_row(spec: TableSpec) -> dict[str, Any]:
    return {column.name: _value(column) for column in spec.columns} | _partition(spec, 2031)


def _sparse_row(spec: TableSpec) -> dict[str, Any]:
    """Return a row of which only the key and the partition have values."""
    key = {name: "SPARSE" if name == "symbol" else _value(spec.column(name)) for name in spec.key}
    return key | _partition(spec, 2032)


def _partition(spec: TableSpec, year: int) -> dict[str, Any]:
    return {spec.partition_by: year} if spec.partition_by else {}


def _value(column: Column) -> Any:
    moment = datetime(2031, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    return {
        "text": _TEXT,
        "json": '{"a": [1, null]}',
        "integer": -7,
        "number": 0.1 + 0.2,
        "boolean": True,
        "date": date(1969, 12, 31),
        "timestamp": moment,
    }[column.kind]


@pytest.mark.parametrize("engine", READERS)
def test_every_table_of_a_new_lake_is_read(new_lake: Lake, engine: str, tmp_path: Path) -> None:
    """All tables have rows, and the engine returns each with equal values."""
    tables = _read(engine, new_lake, tmp_path)
    assert set(tables) == set(TABLES)
    _assert_equal(tables, new_lake)


@pytest.mark.slow
@pytest.mark.parametrize("engine", READERS)
def test_every_table_of_a_compacted_old_lake_is_read(
    compacted_lake: Lake, engine: str, tmp_path: Path
) -> None:
    """Compaction rewrote the string views, which daft and Sail refuse; values are unchanged."""
    tables = _read(engine, compacted_lake, tmp_path)
    assert {"income_statements", "balance_sheets", "cash_flows", "price_data"} <= set(tables)
    _assert_equal(tables, compacted_lake)


def _read(engine: str, lake: Lake, target: Path) -> dict[str, pl.DataFrame]:
    """Run the engine in its own environment over every stored table and return what it read."""
    folders = [str(Path(lake.path) / name) for name in TABLES if (Path(lake.path) / name).is_dir()]
    script = Path(__file__).with_name("read_with.py")
    command = [str(_PYTHON), "-I", str(script), engine, str(target), *folders]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return {path.stem: pl.read_ipc(path) for path in target.glob("*.arrow")}


def _assert_equal(tables: dict[str, pl.DataFrame], lake: Lake) -> None:
    for name, expected in content(lake).items():
        if name not in tables:
            assert expected.is_empty(), name
            continue
        assert tables[name].height == expected.height, name
        rows = tables[name].select(pl.col(column).cast(kind) for column, kind in expected.schema.items())
        assert_frame_equal(
            rows.sort(expected.columns, nulls_last=True),
            expected.sort(expected.columns, nulls_last=True),
            check_exact=True,
        )
