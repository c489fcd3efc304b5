"""Test that a Spark session returns the lake's own answers, on one machine and on two workers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.derive.staleness import stale_symbols
from factorlab_lake.functions.shell.spark.spark_texts import VIEWS
from factorlab_lake.lake import Lake
from factorlab_lake.query.arguments import to_dates
from factorlab_lake.schema import TABLES
from tests.contracts import spark_client, test_made
from tests.contracts.questions import ODD
from tests.contracts.test_sample import ODD_COMPANIES
from tests.field_cases.given import INPUTS
from tests.support import CACHE_2021, CACHE_DIRTY, FETCHED, LATER, ROOT, SPLITS, table_rows, writing
from tests.unit.cli.running import demo_home
from tests.unit.derive.test_split_events import count, fetched_twice
from tests.unit.query.entry_points import DATES, SYMBOLS
from tests.unit.query.lake_builder import LakeBuilder, filing
from tests.unit.query.sample_company import KNOWN, sample_company
from tests.unit.query.test_currencies import published, rate_rows
from tests.unit.query.test_same_everywhere import COUNTS, DIVIDENDS, PROFILES, UNIVERSES

_JVM = os.environ.get("FACTORLAB_TEST_SPARK_JVM", "")  # 1, or the environment with pyspark
_HOME = Path(_JVM) if "/" in _JVM else Path(sys.prefix) / ("spark" if _JVM else "engines")
_ENGINES = _HOME / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
_REMOTE = bool(_JVM) or "FACTORLAB_TEST_SPARK_REMOTE" in os.environ
_WAIT_S = 3000 if _JVM else 500
_IS_MISSING = not (_ENGINES / "pyspark").is_dir() and "CI" not in os.environ  # CI fails where it is missing
_TWO_WORKERS = {
    "SAIL_MODE": "local-cluster",
    "SAIL_CLUSTER__WORKER_INITIAL_COUNT": "2",
    "SAIL_CLUSTER__WORKER_MAX_COUNT": "2",
    "SAIL_CLUSTER__WORKER_TASK_SLOTS": "32",  # with fewer, Sail refuses some queries
}
_MODES: dict[str, dict[str, str]] = {"local": {"SAIL_MODE": "local"}, "two workers": _TWO_WORKERS}
GRIDS = ("market_caps", "shares_as_of", "ttm", "factor_inputs", "factors")
MONTHS = [str(day) for day in to_dates(None, start="2018-12-15", end="2021-12-31", freq="ME")]
MONTHS += ["2021-02-01", "2023-05-16", "2023-09-15", "2024-05-31", "2024-06-26"]  # of single cases
_COMPANIES = ("09_ticker_reused", "19_pence_and_adr")
_BARS = "adjusted bars"
_EDGES = ["0001-01-01", "1990-01-01", "2030-01-01", "9999-12-31"]
# The questions that `make test` asks; `make test-all` asks all of them.
MAIN: tuple[str, ...] = (
    "market_caps known", "factors of the samples", "statements_as_of known", "ratios of a range",
    "ttm of the samples", "shares_as_of known", "quarters known", "price_data", "instruments",
    _BARS, "adjusted bars of a range", "revisions", "financial_ratios",
)  # fmt: skip
if _JVM:  # a question of every case takes minutes there
    MAIN = (
        "price_data", "instruments", "adjusted bars of a range", "revisions", "quarters known",
        "statements_as_of known", "ratios of a range", "financial_ratios",
        *(f"{name} of the samples" for name in GRIDS),
    )  # fmt: skip
_JSON = {c.name for spec in TABLES.values() for c in spec.columns if c.kind == "json"}

REASONS = {
    "market_caps": {
        "company_changed", "no_price_within_limit", "no_share_count_known", "quote_unit_unknown",
        "receipt_ratio_unknown", "share_count_implausible", "share_count_stale",
        "shares_reported_as_zero_or_missing", "split_unknown",
    },
    "ttm": {
        "company_changed", "currencies_differ", "newest_period_has_no_quarter", "no_statement_known",
        "period_length_unknown", "quarter_missing", "quarters_not_consecutive", "statement_stale",
    },
    "factor_inputs": {
        "balance_sheet_stale", "no_balance_sheet_known", "of_another_period", "several_classes",
    },
    "factors": {"balance_sheet_stale", "currencies_differ", "quote_unit_unknown", "ttm_year_before"},
    "shares_as_of": {"company_changed", "share_count_implausible"},
    "ratios": {"newer_period_known", "no_price_within_limit", "receipt_ratio_unknown"},
    "quarters": {"currencies_differ", "no_quarter_known"},
    "adjusted_prices": {
        "adjusted_close_missing", "dividend_missing", "dividend_not_below_close", "no_dividends_known",
        "split_unknown",
    },
}  # fmt: skip
_SPLIT = {
    "symbol": "LATE", "date": date(2020, 8, 3), "event": 1, "numerator": 2.0, "denominator": 1.0,
    "source": "file", "source_provider": "file", "fetch_id": "x",
    "fetched_at": FETCHED, "recorded_at": FETCHED,
}  # fmt: skip

pytestmark = pytest.mark.skipif(_IS_MISSING, reason="`make engines` installs pysail and Spark's client")


@dataclass(frozen=True)
class Question:
    """Represent a call of a method in Spark, and the query with the same rows."""

    method: str
    arguments: dict[str, Any]
    query: str


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake with every synthetic case, companies of odd names, and the samples."""
    return every_case(tmp_path_factory.mktemp("spark"))


def every_case(folder: Path) -> Lake:
    """Build the lake in a folder."""
    made = LakeBuilder()
    for name in (*test_made.FILES, "share_count_history", "statement_lengths"):
        made.add(test_made.cases_of(name), prefix=f"{name}.")
    for symbol in ODD_COMPANIES:
        sample_company(made, symbol)
    for fetched, flow in ((FETCHED, 10), (LATER, 12)):
        restated = filing("2019-12-31", operatingCashFlow=flow)
        made.statements("REVISED", "cash_flow", [restated], fetched=fetched)
    lake = made.build(folder)
    for cache in (CACHE_2021, CACHE_DIRTY, *(INPUTS / name for name in _COMPANIES)):
        lake.migrate(cache)
    fetched_twice(lake, 10)
    count(lake, "AAPL", "2024-06-10", 1e6, "2024-06-12")
    lake.load("splits", SPLITS)
    tables = {"dividends": DIVIDENDS, "shares_outstanding": COUNTS, "company_profiles": PROFILES}
    tables |= {"universes": UNIVERSES}
    for name, rows in tables.items():
        lake.load(name, rows)
    lake.load("company_profiles", {"symbol": ["TSM"], "currency": ["USD"], "is_adr": [True]})
    lake.load("fx_rates", rate_rows(published()))
    # Its basis is between the two fetches: whether it counts the split is unknown.
    lake.load(
        "price_data",
        {"symbol": ["AAPL"], "date": ["2024-06-12"], "close_price": [105.0]},
        split_basis="own-day",
    )
    return lake


def _list(values: list[str]) -> str:
    return "[" + ", ".join("'" + v.replace("'", "''") + "'" for v in values) + "]"


def grid(name: str, symbols: list[str], dates: list[str], **more: Any) -> Question:
    """Return a question about symbols at dates."""
    named = "".join(f", {n} := {v!r}" for n, v in more.items())
    query = f"SELECT * FROM {name}({_list(symbols)}, {_list(dates)}::DATE[]{named})"
    return Question(name, {"symbols": symbols, "dates": dates, **more}, query)


def every_question(every: list[str]) -> dict[str, Question]:
    """Return the questions by name; those of a grid have each vintage."""
    sample = [*SYMBOLS, *ODD]
    periods = f"SELECT * FROM ratios({_list(every)}, NULL, NULL)"
    of_2019 = f"SELECT * FROM ratios({_list(sample)}, DATE '2019-01-01', DATE '2020-09-26')"
    limits: dict[str, Any] = {"price_age_limit": 3, "shares_age_limit": 30}
    return {
        **{f"{name} {v}": grid(name, every, MONTHS, vintage=v) for name in GRIDS for v in test_made.VINTAGES},
        **{f"{name} of the samples": grid(name, sample, DATES) for name in GRIDS},
        **{f"{name} at the ends of time": grid(name, sample, _EDGES) for name in GRIDS},
        "market_caps with limits": grid("market_caps", sample, DATES, **limits),
        "factors with a limit": grid("factors", sample, DATES, age_limit=60),
        "ratios": Question("ratios", {"symbols": every}, periods),
        _BARS: Question(
            "adjusted_prices",
            {"symbols": every},
            f"SELECT * FROM adjusted_prices({_list(every)}, NULL, NULL)",
        ),
        "adjusted bars of a range": Question(
            "adjusted_prices",
            {"symbols": sample, "start_date": "2019-01-01", "end_date": "2020-09-26"},
            f"SELECT * FROM adjusted_prices({_list(sample)}, DATE '2019-01-01', DATE '2020-09-26')",
        ),
        "revisions": Question("revisions", {}, "SELECT * FROM revisions"),
        "ratios of a range": Question(
            "ratios", {"symbols": sample, "start_date": "2019-01-01", "end_date": "2020-09-26"}, of_2019
        ),
        **{
            f"quarters {v}": Question(
                "quarters",
                {"symbols": every, "as_of": "2021-02-20", "vintage": v},
                f"SELECT * FROM quarters({_list(every)}, DATE '2021-02-20', vintage := '{v}')",
            )
            for v in test_made.VINTAGES
        },
        **{
            f"statements_as_of {v}": Question(
                "statements_as_of",
                {"as_of": "2021-02-20", "vintage": v},
                f"SELECT * FROM statements_as_of(DATE '2021-02-20', vintage := '{v}')",
            )
            for v in test_made.VINTAGES
        },
        **{
            name: Question("table", {"name": name}, f"SELECT * FROM {name}")
            for name in (*TABLES, *VIEWS)
            if name != "revisions"
        },
    }


def _ask(
    lake: Lake, questions: dict[str, Question], target: Path, mode: str, **settings: str
) -> dict[str, pl.DataFrame]:
    """Run the questions in a process with a Spark session, and return the rows."""
    calls = [(name, q.method, q.arguments) for name, q in questions.items()]
    _run("questions", lake.path, target, calls=json.dumps(calls), settings=_MODES[mode] | settings)
    return {path.stem: pl.read_ipc(path) for path in target.glob("*.arrow")}


def _run(task: str, source: Path, folder: Path, *, calls: str, settings: dict[str, str]) -> None:
    command = [sys.executable, spark_client.__file__, str(_ENGINES), task, str(source), str(folder)]
    environment = os.environ | settings | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        command, input=calls, env=environment, capture_output=True, text=True, check=False, timeout=_WAIT_S
    )
    assert done.returncode == 0, done.stderr


def every_symbol(lake: Lake) -> list[str]:
    """Return all symbols of a lake."""
    rows = lake.sql("SELECT symbol FROM price_data UNION SELECT symbol FROM financial_statements")
    return sorted(rows["symbol"])


def assert_equal_rows(name: str, answer: pl.DataFrame, expected: pl.DataFrame) -> None:
    """Fail unless columns and rows are equal in any order: numbers to 1e-12, JSON by value."""
    assert answer.columns == expected.columns, name
    floats = [column for column, kind in expected.schema.items() if kind.is_float()]
    assert [column for column, kind in answer.schema.items() if kind.is_float()] == floats, name
    rows = answer.select(pl.col(column).cast(kind) for column, kind in expected.schema.items())
    texts = [column for column in expected.columns if column in _JSON]
    if "column_name" in expected.columns:  # revisions, whose texts of numbers are those of the engine
        rows, expected = (f.with_columns(_as_values("old"), _as_values("new")) for f in (rows, expected))
    exact = [n for n, kind in expected.schema.items() if not kind.is_float() and n not in texts]
    left, right = (frame.sort(exact, nulls_last=True) for frame in (rows, expected))
    for column in texts:
        assert _values(left[column]) == _values(right[column]), f"{name}: {column}"
    assert_frame_equal(left.drop(texts), right.drop(texts), rel_tol=1e-12, abs_tol=0)


def _as_values(name: str) -> pl.Expr:
    """Return a text in one form: a number as a number, and JSON by value."""
    number = pl.col(name).cast(pl.Float64, strict=False)
    of_json = pl.col(name).map_elements(lambda text: json.dumps(json.loads(text), sort_keys=True), pl.String)
    return (
        pl.when(pl.col("column_name").is_in(sorted(_JSON)))
        .then(of_json)
        .when(number.is_not_null())
        .then(number.cast(pl.String))
        .otherwise(pl.col(name))
        .alias(name)
    )


def _values(texts: pl.Series) -> list[Any]:
    return [None if text is None else json.loads(text) for text in texts]


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        ("local", MAIN),
        ("two workers", MAIN[:4]),
        pytest.param("local", (), marks=pytest.mark.slow, id="local-all"),
        pytest.param("two workers", (), marks=pytest.mark.slow, id="two workers-all"),
    ],
)
def test_a_question_has_the_rows_of_the_lake(
    lake: Lake, mode: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    """Functions and tables agree with the SQL of the lake on every case, vintage and reason."""
    if _REMOTE and mode != "local":
        pytest.skip("Spark itself has its own workers")
    questions = {n: q for n, q in every_question(every_symbol(lake)).items() if n in names or not names}
    answers = _ask(lake, questions, tmp_path, mode)
    assert set(answers) == set(questions)
    for name, question in questions.items():
        assert_equal_rows(name, answers[name], lake.sql(question.query))


def reasons_in(rows: pl.DataFrame) -> set[str]:
    """Return every reason in the columns of an answer."""
    names = [name for name in rows.columns if name.endswith(("reason", "reasons"))]
    texts = {text for name in names for text in rows[name].drop_nulls().unique()}
    return {word for text in texts for word in re.findall("[a-z]+(?:_[a-z]+)+", text)}


@pytest.mark.parametrize(("name", "reasons"), REASONS.items())
def test_the_compared_answers_have_every_reason(lake: Lake, name: str, reasons: set[str]) -> None:
    """Each reason for NULL is among the rows that both engines return, and so are values."""
    questions = every_question(every_symbol(lake))
    [query] = [questions[key].query for key in (name, f"{name} known", _BARS) if key in questions][:1]
    assert reasons_in(lake.sql(query)) >= reasons


def test_rows_of_pending_symbols_are_computed(tmp_path: Path) -> None:
    """A commit that stored no derived rows of a symbol does not hide it, and stored ones are not used."""
    made = LakeBuilder()
    for symbol in ("STORED", "LATE"):
        sample_company(made, symbol)
    lake = made.build(tmp_path)
    with writing(lake) as tx:  # the storage alone: it derives nothing
        tx.append("splits", table_rows("splits", [_SPLIT]))
        tx.touched.add("LATE")
    late = fl.open(lake.path)
    assert stale_symbols(late._layout, late.snapshot) == frozenset({"LATE"})
    question = grid("market_caps", ["STORED", "LATE"], [KNOWN])
    answers = _ask(late, {"caps": question}, tmp_path, "local")
    assert_equal_rows("caps", answers["caps"], late.sql(question.query))


def test_a_snapshot_is_read_as_a_list_of_files_too(lake: Lake, tmp_path: Path) -> None:
    """A Spark that cannot read Delta tables reads the files of the versions, with their partitions."""
    questions = {
        n: q
        for n, q in every_question(every_symbol(lake)).items()
        if n in ("market_caps of the samples", "price_data", "statements_as_of known")
    }
    answers = _ask(lake, questions, tmp_path, "local", FACTORLAB_TEST_SPARK_READ_AS="parquet")
    for name, question in questions.items():
        assert_equal_rows(name, answers[name], lake.sql(question.query))


def test_the_code_of_the_page_prints_what_is_shown(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The page about Spark runs as a reader follows it, on the lake of the demo."""
    home, _ = demo_home(tmp_path_factory)
    folder = Path(shutil.copytree(home, tmp_path_factory.mktemp("spark_page") / "home"))
    _run("page", ROOT / "docs" / "spark.md", folder, calls="", settings=_MODES["local"])
