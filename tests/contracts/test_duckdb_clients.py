"""Test that old and new DuckDB clients return the package's answers, from lake.duckdb and from an export."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.derive.stored import transaction
from factorlab_lake.functions.duckdb_functions import FUNCTIONS
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES, identifiers
from factorlab_lake.storage import layout as layouts
from factorlab_lake.storage.data_files import files_of
from factorlab_lake.storage.snapshots import latest, program_version
from tests.support import CACHE_DIRTY, ROOT, SPLITS, copy_of
from tests.unit.query import plain_client
from tests.unit.query.entry_points import SYMBOLS, questions

_ENGINES = Path(sys.prefix) / "engines"  # `make engines` puts the clients there
_OLD = [line for line in (ROOT / ".ci/duckdb_clients.txt").read_text().splitlines() if line[0] != "#"]
# The folder of each client's DuckDB by its version; None is the version that the package itself uses.
_FOLDERS: dict[str, Path | None] = {
    **{version: _ENGINES / f"duckdb-{version}" for version in _OLD},
    "1.5": Path(sys.prefix) / "duckdb-1.5",
    duckdb.__version__: None,
}
_QUESTIONS = {n: query for n, query in questions().items() if n.partition("-")[0] in FUNCTIONS}
# The same symbols, each twice, in a list that no client knows before it runs the query.
_SUBQUERY = f"(SELECT list(symbol) FROM (SELECT unnest({SYMBOLS}) AS symbol), range(2))"
_FROM_SUBQUERY = {n: q.replace(str(SYMBOLS), _SUBQUERY) for n, q in _QUESTIONS.items() if str(SYMBOLS) in q}
_COMMITS = 40
_OPEN_FILES = 1024  # the usual limit of a process
_TIMEOUT_S = 300  # for all questions; clients without MATERIALIZED never finished the nested text of ttm


def _is_missing(version: str) -> bool:
    """Return whether a client is not installed; in CI the test fails instead."""
    folder = _FOLDERS[version]
    return folder is not None and not folder.is_dir() and "CI" not in os.environ


_CLIENTS = [
    pytest.param(v, marks=pytest.mark.skipif(_is_missing(v), reason=f"`make engines` installs DuckDB {v}"))
    for v in _FOLDERS
]


@pytest.fixture(scope="module")
def sample(lake_both: Lake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return the lake of both samples, also with splits, dividends and contradictory rows."""
    lake = copy_of(lake_both, tmp_path_factory.mktemp("clients") / "lake")
    lake.migrate(CACHE_DIRTY)
    lake.load("splits", SPLITS)
    lake.load("dividends", {"symbol": ["AAPL"], "date": ["2020-08-07"], "dividend": [0.82]})
    lake.load("company_profiles", {"symbol": ["AAPL"], "currency": ["USD"]})
    lake.load("universes", {"universe": ["large"], "symbol": ["AAPL"], "valid_from": ["2018-01-02"]})
    return lake


@pytest.fixture(scope="module")
def fragmented(sample: Lake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake with the sample's rows, which many commits wrote to many small files."""
    rows = {
        name: sample.sql(f"SELECT {identifiers(spec.names())} FROM {name}")
        for name, spec in TABLES.items()
        if not spec.derived
    }
    lake = fl.open(tmp_path_factory.mktemp("fragmented") / "lake")
    layout = layouts.find(lake.path)
    for number in range(_COMMITS):
        last = number == _COMMITS - 1
        with transaction(layout, reason="test", program_version=program_version(), later=not last) as tx:
            tx.touched.update(["AAPL", "GOOG", "GOOGL"])
            for name, frame in rows.items():
                tx.append(name, frame.gather_every(_COMMITS, number))
    assert sum(len(files_of(layout, latest(layout), name)) for name in TABLES) > 200
    lake.catalog()
    return fl.open(lake.path)


@pytest.fixture(
    scope="module", params=["single file", "export", pytest.param("many data files", marks=pytest.mark.slow)]
)
def file(request: pytest.FixtureRequest, sample: Lake) -> Path:
    """Return a file that clients open."""
    if request.param == "export":
        return sample.export(sample.path.parent / "export.duckdb")
    lake: Lake = sample if request.param == "single file" else request.getfixturevalue("fragmented")
    return lake.catalog()


@pytest.fixture(scope="module")
def expected(sample: Lake) -> dict[str, pl.DataFrame]:
    """Return the package's own answers."""
    return {name: sample.sql(query) for name, query in _QUESTIONS.items()}


@pytest.mark.parametrize("version", _CLIENTS)
def test_a_client_returns_the_answers_of_the_package(
    version: str, file: Path, expected: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    """Each function has equal rows, although the client opens few files and has no setting of the package."""
    _ask(version, file, tmp_path, _QUESTIONS)
    _compare(tmp_path, expected)


@pytest.mark.parametrize("version", _CLIENTS)
def test_symbols_may_come_from_a_subquery(
    version: str, sample: Lake, expected: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    """Test that rows are found by hash joins: a list of buckets per row took 22 s for 1,000 symbols."""
    queries = _FROM_SUBQUERY | {"financial_ratios": _QUESTIONS["financial_ratios"]}
    _ask(version, sample.catalog(), tmp_path, queries, planned=list(queries))
    _compare(tmp_path, {name: expected[name] for name in queries})
    plans = {name: (tmp_path / f"{name}.txt").read_text(encoding="utf-8") for name in queries}
    assert "HASH_JOIN" in plans["quarters-0"]
    assert [n for n, plan in plans.items() if "BLOCKWISE_NL_JOIN" in plan or "list_contains" in plan] == []


def _compare(folder: Path, expected: dict[str, pl.DataFrame]) -> None:
    """Fail unless the answers in a folder have the expected rows."""
    for name, rows in expected.items():
        assert not rows.is_empty(), name
        answer = pl.read_parquet(folder / f"{name}.parquet")
        assert answer.columns == rows.columns, name
        assert_frame_equal(_comparable(answer), _comparable(rows), check_exact=True)


def _ask(
    version: str, file: Path, target: Path, queries: dict[str, str], planned: Sequence[str] = ()
) -> None:
    """Run questions in a process with a limit of open files, under one version of DuckDB."""
    folder = _FOLDERS[version]
    environment = os.environ | ({"PYTHONPATH": str(folder)} if folder else {})
    limited = ["sh", "-c", f'ulimit -n {_OPEN_FILES} && exec "$@"', "sh"]
    command = [*limited, sys.executable, plain_client.__file__, version, str(file), str(target)]
    done = subprocess.run(
        command, cwd=target, env=environment, input=json.dumps([queries, planned]),
        capture_output=True, text=True, check=False, timeout=_TIMEOUT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _comparable(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows in a fixed order, with the types that all versions of DuckDB write: JSON is text."""
    rows = rows.with_columns(pl.col(pl.Binary).cast(pl.String))
    exact = [name for name, kind in rows.schema.items() if not kind.is_float()]
    return rows.sort([*exact, *(name for name in rows.columns if name not in exact)], nulls_last=True)
