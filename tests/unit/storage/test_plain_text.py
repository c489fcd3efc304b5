"""Test that data files store text as plain Arrow ``utf8``, which every Parquet reader accepts."""

from __future__ import annotations

import zipfile
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES
from factorlab_lake.storage import layout as layouts
from factorlab_lake.storage.data_files import files_of
from tests.support import ROOT, copy_of


def _text_types(path: Path) -> set[pa.DataType]:
    schema = pq.read_schema(path)
    return {field.type for field in schema if not pa.types.is_primitive(field.type)}


def _files(lake: Lake) -> list[Path]:
    return [
        file
        for name in TABLES
        for file in (lake.path / name).rglob("*.parquet")
        if "_delta_log" not in file.parts
    ]


def test_new_files_have_plain_text(lake_both: Lake) -> None:
    """Every file that an ingest writes stores its text as ``utf8`` and not as ``utf8view``."""
    files = _files(lake_both)
    assert len(files) > len(lake_both.history())
    assert {kind for file in files for kind in _text_types(file)} == {pa.string()}


def test_rewritten_files_have_plain_text(lake_both: Lake, tmp_path: Path) -> None:
    """A compaction writes its text as ``utf8`` too."""
    lake = copy_of(lake_both, tmp_path / "lake")
    for year in range(1990, 2002):
        rows = {"symbol": "AAPL", "date": f"{year}-01-02", "numerator": 2.0, "denominator": 1.0}
        lake.load("splits", pl.DataFrame([rows]))
    appended = set(_files(lake))
    lake.compact()
    fresh = set(_files(lake)) - appended
    assert fresh
    assert {kind for file in fresh for kind in _text_types(file)} == {pa.string()}


def test_a_compaction_rewrites_the_string_views_of_old_programs(tmp_path: Path) -> None:
    """After it, also after a rollback, no current file of a lake of version 0.1.0 has string views."""
    zipfile.ZipFile(ROOT / "tests" / "compat" / "lake_0_1.zip").extractall(tmp_path)
    lake = fl.open(tmp_path, create=False)
    assert pa.string_view() in {kind for file in _files(lake) for kind in _text_types(file)}
    lake.rollback(to=1)
    lake.compact()
    layout = layouts.find(lake.path)
    current = [
        lake.path / name / file.path for name in TABLES for file in files_of(layout, lake.snapshot, name)
    ]
    assert current
    assert {kind for file in current for kind in _text_types(file)} == {pa.string()}
