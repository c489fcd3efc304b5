"""The same questions by every door: equal rows, whichever DuckDB opens which file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from factorlab_lake.functions.duckdb_functions import FUNCTIONS
from factorlab_lake.lake import Lake
from tests.support import CACHE_DIRTY, ROOT, SPLITS, THOROUGH, copy_of
from tests.unit.ingest.scripted_provider import Records, ScriptedProvider
from tests.unit.query import entry_points, plain_client
from tests.unit.query.entry_points import METHODS, questions

OLDER = Path(sys.prefix) / "duckdb-1.5"  # where `make venv` puts the oldest DuckDB that is supported
# A thorough run asks every question; else the first of each table, view and function.
QUESTIONS = {
    name: query for name, query in questions().items() if THOROUGH or "-" not in name or name.endswith("-0")
}
# Each kind of file and each DuckDB; a thorough run opens each file and the lake with each DuckDB.
PLAIN = ("single file", "export by 1.5", *(("export", "single file by 1.5") if THOROUGH else ()))
DOORS = (*PLAIN, *(("lake on 1.5",) if THOROUGH else ()))
PLANNED = [name for name, query in QUESTIONS.items() if "(['AAPL'" in query]
DIVIDENDS = {
    "symbol": ["AAPL", "AAPL", "AAPL", "AAPL"],
    "date": ["2014-05-08", "2014-08-07", "2020-08-07", "2020-11-06"],
    "dividend": [3.29, 0.47, 0.82, 0.205],
}
COUNTS = {
    "symbol": ["AAPL"], "as_of_date": ["2020-10-16"], "source": ["cover_page"], "shares": [17001802000],
    "filing_date": ["2020-10-30"], "split_basis_date": ["2020-10-30"],
}  # fmt: skip
PROFILES = {
    "symbol": ["AAPL", "GOOGL", "GOOG"],
    "currency": ["USD"] * 3,
    "cik": ["320193", "1652044", "1652044"],
}
UNIVERSES = {"universe": ["own"], "symbol": ["AAPL"], "valid_from": ["2015-03-19"]}
FX_RATES = {"base": ["EUR"], "quote": ["USD"], "date": ["2020-08-31"], "rate": [1.194]}
SYMBOL_HISTORY = {"symbol": ["AAPL"], "company_id": ["cik:0000320193"], "valid_from": ["1980-12-12"]}
VENDOR_CAPS: Records = {
    ("market_cap", "AAPL", None): [{"symbol": "AAPL", "date": "2021-03-31", "marketCap": 2050000000000}]
}


def _python(*arguments: object, value: str = "", older: bool = False) -> None:
    """Run Python, with the older DuckDB before the installed one where that is said."""
    assert not older or (OLDER / "duckdb").is_dir(), f"{OLDER} has no duckdb: run `make venv`"
    environment = os.environ | ({"PYTHONPATH": str(OLDER)} if older else {})
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT, env=environment, input=value, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def answers(lake_both: Lake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder per entry point with one file per query: the rows, and the plan of plain clients."""
    place = tmp_path_factory.mktemp("doors")
    lake = copy_of(lake_both, place / "lake")
    lake.migrate(CACHE_DIRTY)  # for what the clean ones do not have: ratios and refused records
    lake.load("splits", SPLITS)
    for table, rows in {
        "dividends": DIVIDENDS,
        "shares_outstanding": COUNTS,
        "company_profiles": PROFILES,
        "symbol_history": SYMBOL_HISTORY,
        "universes": UNIVERSES,
        "fx_rates": FX_RATES,
    }.items():
        lake.load(table, rows)
    lake.fetch(ScriptedProvider(VENDOR_CAPS), "AAPL", kinds="market_caps")
    files = {"single file": lake.path / "lake.duckdb", "export": lake.export(place / "export.duckdb")}
    entry_points.answer(lake, place / "lake on this")
    module, some = "tests.unit.query.entry_points", [] if THOROUGH else ["methods"]
    _python("-m", module, "1.5", lake.path, place / "lake on 1.5", *some, older=True)
    for door, file in files.items():
        if door in PLAIN:
            plain_client.answer(file, QUESTIONS, PLANNED, place / door)
        if f"{door} by 1.5" in PLAIN:
            script = ROOT / "tests" / "unit" / "query" / "plain_client.py"
            value = json.dumps([QUESTIONS, PLANNED])
            _python(script, "1.5", file, place / f"{door} by 1.5", value=value, older=True)
    return place


# The frames of these methods begin with their values, and the origin of a row comes last.
_VALUES_FIRST = ("financial_statements", "statements_as_of", "price_data")


def _rows(file: Path, *, order: Sequence[str] | None = None) -> pl.DataFrame:
    """Return rows in an order of their own: by what is exact first, then by the numbers."""
    rows = pl.read_parquet(file)
    rows = rows.drop("span", strict=False)  # counts rows as they come, to join by
    if "reasons" in rows.columns:  # SQL tells that there are several classes, and a method which has no cap
        several = pl.col("reasons").str.replace_all(r"(company_market_cap: )[^\"]*", "${1}several_classes")
        rows = rows.with_columns(several)
    rows = rows if order is None else rows.select(*order, *(n for n in rows.columns if n not in order))
    rows = rows.with_columns(
        pl.col(pl.Binary).cast(pl.String)
    )  # how JSON comes out of DuckDB's Parquet files
    nested = [name for name, kind in rows.schema.items() if kind.is_nested()]
    rows = rows.with_columns(pl.col(nested).map_elements(str, return_dtype=pl.String)) if nested else rows
    exact = [name for name, kind in rows.schema.items() if not kind.is_float()]
    return rows.sort([*exact, *(name for name in rows.columns if name not in exact)], nulls_last=True)


def _assert_same(left: Path, right: Path, *, more: Sequence[str] = (), reordered: bool = False) -> None:
    """Fail unless two files have the same rows; the right one has ``more`` columns at its end.

    ``reordered`` says that the columns of the right one have an order of their own.
    """
    expected = _rows(left)
    value = _rows(right, order=[*expected.columns, *more] if reordered else None)
    assert value.columns[len(expected.columns) :] == list(more)
    value = value.drop(more)
    assert value.columns == expected.columns
    # To the last bit: money is summed in whole units, exact in any order, and the rest has one order.
    assert_frame_equal(value, expected, check_exact=True)


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("door", DOORS)
def test_a_question_has_the_same_rows_by_every_door(answers: Path, door: str, question: str) -> None:
    """Each table, view and function, through a lake, its single file and an export, on both DuckDBs."""
    _assert_same(answers / "lake on this" / f"{question}.parquet", answers / door / f"{question}.parquet")


@pytest.mark.parametrize("method", METHODS)
def test_a_method_has_the_same_rows_on_an_older_duckdb(answers: Path, method: str) -> None:
    """The package itself runs on the oldest version that it allows."""
    file = f"method-{method}.parquet"
    _assert_same(answers / "lake on this" / file, answers / "lake on 1.5" / file)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_has_the_rows_of_its_function(answers: Path, method: str) -> None:
    """What Python answers is what SQL does, over fewer files."""
    question = method if method in QUESTIONS else f"{method}-0"
    assert {name for name in FUNCTIONS if hasattr(Lake, name)} <= METHODS.keys()
    here = answers / "lake on this"
    by_sql, by_method = here / f"{question}.parquet", here / f"method-{method}.parquet"
    more = ["currency"] if method == "price_data" else []
    _assert_same(by_sql, by_method, more=more, reordered=method in _VALUES_FIRST)


def test_the_sample_gives_every_question_something_to_compare(answers: Path) -> None:
    """Equal rows say nothing where there are none, or where all of them say why there is no answer."""
    rows = {name: pl.read_parquet(answers / "export by 1.5" / f"{name}.parquet") for name in QUESTIONS}
    assert [name for name, result in rows.items() if result.is_empty()] == []
    assert {name.partition("-")[0] for name in QUESTIONS} >= set(FUNCTIONS)
    for name in ("market_caps", "ttm", "factors"):
        question = name if name in rows else f"{name}-0"
        reasons = rows[question]["reasons" if name == "factors" else "reason"]
        assert 0 < reasons.null_count() < len(reasons)


def _steps(plan: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in plan:
        yield step
        yield from _steps(step["children"])


@pytest.mark.parametrize("question", PLANNED)
@pytest.mark.parametrize("door", PLAIN)
def test_no_question_compares_each_row_with_each_other(answers: Path, door: str, question: str) -> None:
    """Without any setting of ours, rows that must be equal in something are matched by hash, not in loops."""
    steps = list(_steps(json.loads((answers / door / f"{question}.txt").read_text())))
    assert len(steps) > 1
    loops = [str(s["extra_info"]) for s in steps if "NL_JOIN" in s["name"] or "NESTED_LOOP" in s["name"]]
    slow = [loop for loop in loops if " = " in loop or "NOT DISTINCT" in loop]
    assert slow == []
