"""A program with one more line item reads and writes the lakes of the programs before it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINE = "income,stock_compensation_test,flow,currency,value,a line item added for the test\n"
SCRIPT = """
import sys
import duckdb, polars as pl
import factorlab_lake as fl
folder, sample, out = sys.argv[1:]
lake = fl.open(folder)
days = dict(start="2019-12-31", end="2020-10-31", freq="ME")
new = "SELECT stock_compensation_test AS x FROM income_statements"
def check(rows):
    assert rows.height and rows["x"].null_count() == rows.height and rows["x"].dtype == pl.Float64
def read(lake):
    check(lake.sql(new))
    assert lake.statements(["AAPL"]).height
    assert lake.ttm(["AAPL"], **days).height and lake.market_caps(["AAPL"], **days).height
read(lake)
lake.migrate(sample)
read(lake)
lake.compact()
read(lake)
report = lake.verify(deep=True)
assert report.clean, report.findings
read(lake.at("first"))
lake.export(out)
for file in (out, folder + "/lake.duckdb"):
    with duckdb.connect(file, read_only=True) as con:
        check(con.sql(new).pl())
"""


def test_one_more_line_item(tmp_path: Path) -> None:
    """Reading, migrating, compacting, verifying and exporting work; the new column is NULL."""
    shutil.copytree(ROOT / "factorlab_lake", tmp_path / "program" / "factorlab_lake")
    items = tmp_path / "program" / "factorlab_lake" / "schema" / "line_items.csv"
    items.write_text(items.read_text().rstrip("\n") + "\n" + LINE)
    zipfile.ZipFile(Path(__file__).parent / "lake_0_1.zip").extractall(tmp_path / "lakes")
    folder = next((tmp_path / "lakes").rglob("_lake")).parent
    sample = ROOT / "data" / "sample" / "taken_2021-03-31"
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, folder, sample, tmp_path / "out.duckdb"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "program")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
