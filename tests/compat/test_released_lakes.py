"""Lakes that released programs wrote open with this one, and give the answers they gave."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import polars as pl
import pytest

import factorlab_lake as fl

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "answers_0_1.json").read_text())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a lake that version 0.1.0 wrote."""
    zipfile.ZipFile(HERE / "lake_0_1.zip").extractall(tmp_path / "lake")
    return next((tmp_path / "lake").rglob("_lake")).parent


def test_answers_are_the_released_ones(folder: Path) -> None:
    """Answers, counts and the pinned snapshot are as version 0.1.0 gave them."""
    lake = fl.open(folder)
    for name in ("market_caps", "ttm", "factors"):
        answer = getattr(lake, name)(["AAPL", "GOOGL"], start="2019-12-31", end="2020-10-31", freq="ME")
        assert json.loads(answer.write_json()) == ANSWERS[name]
    assert {row["table"]: row["rows"] for row in lake.status().to_dicts()} == ANSWERS["counts"]
    for table, rows in ANSWERS["at_first"].items():
        assert lake.at("first").sql(f"SELECT count(*) AS n FROM {table}")["n"][0] == rows


def test_it_is_written_on(folder: Path, tmp_path: Path) -> None:
    """An append, compaction, verification, backup and restore work on it."""
    lake = fl.open(folder)
    split = {"symbol": ["AAPL"], "date": ["2031-01-02"], "numerator": [2.0], "denominator": [1.0]}
    lake.load("splits", pl.DataFrame(split).with_columns(pl.col("date").str.to_date()))
    lake.compact()
    assert lake.verify(deep=True).clean
    lake.backup(tmp_path / "kept")
    restored = fl.restore(tmp_path / "kept", tmp_path / "restored")
    assert restored.sql("SELECT 1 FROM splits WHERE date = '2031-01-02'").height == 1
