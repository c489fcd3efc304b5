"""Test that a program with more columns reads and writes older lakes, and refuses other types."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from tests.compat.program import Program
from tests.support import CACHE_2021, ROOT

_COLUMN = "Add a column or a table"
ITEM = "income,income_from_tests,flow,currency,value,a line item that the test adds"
FIELD = "income,v3,incomeFromTests,income_from_tests"
VALUE = 7.0
UNCHANGED = Program(ROOT / "factorlab_lake", _COLUMN)

# The start of a column of splits, whatever its description is.
NUMERATOR = 'number_column("numerator",'

READ = """
import sys
import duckdb, polars as pl
import factorlab_lake as fl
folder, cache, out = sys.argv[1:]
days = dict(start="2019-12-31", end="2020-10-31", freq="ME")
new = "SELECT income_from_tests AS x FROM income_statements"
def values(rows):
    assert rows.height and rows["x"].dtype == pl.Float64, rows
    return rows["x"].drop_nulls().to_list()
def asked(lake):
    caps, ttm = lake.market_caps(["GOOGL"], **days), lake.ttm(["GOOGL"], **days)
    assert caps["market_cap"].null_count() == 0, caps
    assert ttm["revenue"].null_count() < ttm.height and "income_from_tests" in ttm.columns, ttm
    return values(lake.sql(new))
lake = fl.open(folder)
assert asked(lake) == []
before = lake.snapshot.id
lake.migrate(cache)
filled = asked(lake)
rows = lake.sql(new).height
assert filled and set(filled) == {7.0} and len(filled) < rows, (len(filled), rows)
assert asked(lake.at(before)) == values(lake.at("first").sql(new)) == []
assert lake.verify(deep=True).clean
lake.compact()
assert sorted(asked(lake)) == sorted(filled) and lake.sql(new).height == rows
assert lake.verify(deep=True).clean
[came] = lake.diff(before).filter(table="income_statements").to_dicts()
more = rows - lake.at(before).sql(new).height
assert (came["symbol"], came["added"], came["removed"]) == ("GOOGL", more, 0), came
assert lake.diff(1, before).filter(table="splits").height
lake.export(out)
for file in (out, folder + "/lake.duckdb"):
    with duckdb.connect(file, read_only=True) as con:
        assert sorted(values(con.sql(new).pl())) == sorted(filled)
lake.rollback(before)
assert asked(lake) == []
lake.migrate(cache)
assert sorted(asked(lake)) == sorted(filled) and lake.verify(deep=True).clean
"""

SYNCED = """
import sys
import factorlab_lake as fl
folder, cache, url = sys.argv[1:]
new = "SELECT symbol, fiscal_date, version, income_from_tests AS x FROM income_statements ORDER BY 1, 2, 3"
lake = fl.open(folder)
report = lake.sync(url)
assert (report.clean, report.sent, report.removed) == (True, 0, 0), report
lake.migrate(cache)
report = lake.sync(url)
assert report.clean and report.sent, report
assert lake.sync(url, verify_deep=True).clean
with fl.open(url) as shared:
    assert shared.sql(new).equals(lake.sql(new))
    assert shared.sql(new)["x"].drop_nulls().unique().to_list() == [7.0]
    ttm = shared.ttm("GOOGL", "2020-10-31")
    assert "income_from_tests" in ttm.columns and ttm["revenue"].item() > 0, ttm
"""

SYNC = "import sys; import factorlab_lake as fl; assert fl.open(sys.argv[1]).sync(sys.argv[2]).clean"

REFUSED = """
import sys
import factorlab_lake as fl
from factorlab_lake.errors import SchemaMismatch
lake = fl.open(sys.argv[1])
before = lake.snapshot.id
for ask in (
    lambda: lake.sql("SELECT * FROM splits"),
    lambda: lake.market_caps("AAPL", "2020-10-30"),
    lambda: lake.load("splits", sys.argv[2]),
):
    try:
        ask()
    except SchemaMismatch as error:
        assert "splits." + sys.argv[3] in str(error) and "factorlab-lake history" in str(error), error
        assert "Program version 0.1.0 wrote" in str(error) and error.facts["written_by"] == "0.1.0", error
        assert error.facts["column"] == sys.argv[3]
    else:
        raise AssertionError(f"not refused, line {ask.__code__.co_firstlineno}")
assert fl.open(sys.argv[1]).snapshot.id == before
assert lake.sql("SELECT count(*) AS n FROM income_statements")["n"].item() == 41
"""


OLDER = """
import sys
import factorlab_lake as fl
from factorlab_lake.errors import SchemaMismatch
lake = fl.open(sys.argv[1])
before, bars = lake.snapshot.id, lake.sql("SELECT * FROM splits").height
try:
    lake.load("splits", sys.argv[2])
except SchemaMismatch as error:
    assert "venue" in str(error) and "upgrade" in str(error), error
else:
    raise AssertionError("not refused")
assert fl.open(sys.argv[1]).snapshot.id == before
assert lake.sql("SELECT * FROM splits").height == bars and bars
assert lake.market_caps("GOOGL", "2020-10-30")["market_cap"].item() > 0
assert lake.verify(deep=True).clean
"""


COLUMN_ADDED = """
import sys
import duckdb
import factorlab_lake as fl
folder, rows, out, url = sys.argv[1:]
new = "SELECT venue FROM splits ORDER BY venue NULLS FIRST"
lake = fl.open(folder)
old = lake.sql(new)["venue"].to_list()
assert old and set(old) == {None}, old
assert lake.sync(url).clean
lake.load("splits", rows)
expected = [*old, "XNAS"]
assert lake.sql(new)["venue"].to_list() == expected
assert lake.verify(deep=True).clean
lake.export(out)
with duckdb.connect(out, read_only=True) as con:
    assert [venue for venue, in con.sql(new).fetchall()] == expected
assert lake.sync(url, verify_deep=True).clean
with fl.open(url) as server:
    assert server.sql(new)["venue"].to_list() == expected
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Extract a lake that version 0.1.0 wrote."""
    zipfile.ZipFile(Path(__file__).parent / "lake_0_1.zip").extractall(tmp_path / "lake")
    return tmp_path / "lake"


def _with_values(cache: Path) -> Path:
    """Copy one company's cached income statements with a value of the new item in each record."""
    for file in (CACHE_2021 / "income_statements").glob("GOOGL_*.json.gz"):
        entry = json.loads(gzip.decompress(file.read_bytes()))
        records = entry["data"] if isinstance(entry, dict) else entry
        for record in records:
            record["incomeFromTests"] = VALUE
        place = cache / "income_statements" / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(gzip.compress(json.dumps(entry).encode()))
    return cache


def _line_item_added(folder: Path) -> Program:
    program = Program.copy(folder, "Add a line item")
    program.add_line("schema/line_items.csv", ITEM)
    program.add_line("providers/fmp/fields.csv", FIELD)
    return program


def test_a_line_item_is_added(folder: Path, tmp_path: Path) -> None:
    """Files without the new column read as NULL beside files with values of it, by every way of reading."""
    program = _line_item_added(tmp_path / "program")
    program.run(READ, folder, _with_values(tmp_path / "cache"), tmp_path / "out.duckdb")


@pytest.mark.slow
def test_a_server_gets_a_line_item_that_was_added(folder: Path, tmp_path: Path, database: str) -> None:
    """The sync adds the column and sends nothing until the lake has values; then the server has them."""
    UNCHANGED.run(SYNC, folder, database)
    program = _line_item_added(tmp_path / "program")
    program.run(SYNCED, folder, _with_values(tmp_path / "cache"), database)


@pytest.mark.parametrize(
    ("replacement", "column"),
    [
        ('(lambda name, doc, unit: Column(name, "integer", doc))("numerator",', "numerator"),
        (f'Column("venue", "text", "where", role="key"), {NUMERATOR}', "venue"),
    ],
    ids=["a column of another type", "a key column that was not there"],
)
def test_a_table_that_cannot_be_read_correctly_is_refused(
    folder: Path, tmp_path: Path, replacement: str, column: str
) -> None:
    """Reading or writing the table is one error and changes nothing; other tables stay readable."""
    program = Program.copy(tmp_path / "program", _COLUMN)
    program.replace("schema/event_tables.py", NUMERATOR, replacement)
    rows = tmp_path / "splits.csv"
    names = dict.fromkeys(["symbol", "date", "numerator", "denominator", column])
    rows.write_text(f"{','.join(names)}\nAAPL,2022-01-03,2,1{',XNAS' * (len(names) > 4)}\n", encoding="utf-8")
    program.run(REFUSED, folder, rows, column)


@pytest.mark.slow
def test_a_table_column_is_added(folder: Path, tmp_path: Path, database: str) -> None:
    """One line of the table's description is enough to load, read, export and sync the column."""
    program = Program.copy(tmp_path / "program", _COLUMN)
    program.replace("schema/event_tables.py", NUMERATOR, f'Column("venue", "text", "where"), {NUMERATOR}')
    rows = tmp_path / "splits.csv"
    rows.write_text("symbol,date,numerator,denominator,venue\nAAPL,2022-01-03,2,1,XNAS\n", encoding="utf-8")
    program.run(COLUMN_ADDED, folder, rows, tmp_path / "out.duckdb", database)


def test_an_older_version_reads_and_does_not_write(folder: Path, tmp_path: Path) -> None:
    """A version without the new column can query and verify; a write is refused until an upgrade."""
    program = Program.copy(tmp_path / "program", _COLUMN)
    program.replace("schema/event_tables.py", NUMERATOR, f'Column("venue", "text", "where"), {NUMERATOR}')
    newer, older = tmp_path / "newer.csv", tmp_path / "older.csv"
    newer.write_text("symbol,date,numerator,denominator,venue\nAAPL,2022-01-03,2,1,XNAS\n", encoding="utf-8")
    older.write_text("symbol,date,numerator,denominator\nAAPL,2023-01-03,2,1\n", encoding="utf-8")
    load = "import sys; import factorlab_lake as fl; fl.open(sys.argv[1]).load('splits', sys.argv[2])"
    program.run(load, folder, newer)
    UNCHANGED.run(OLDER, folder, older)
