"""Test Factor Lab's database class on a lake, with polars frames; ``tests/legacy`` has those of pandas."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from factorlab_lake.errors import InvalidInput, SymbolNotHeldWarning
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import DatabaseProvider
from tests.support import LATER, ROOT, Entry, income, migrate

GOLDEN = ROOT / "tests" / "unit" / "query" / "golden"


@pytest.fixture(scope="module")
def provider(lake_2021: Lake) -> DatabaseProvider:
    """Return a provider on the clean sample."""
    return DatabaseProvider(lake_2021, frames="polars")


def test_statements_are_those_whose_period_ends_in_the_range(provider: DatabaseProvider) -> None:
    """Apple's fiscal year 2020 has four quarters and a year of income statements."""
    rows = provider.get_financial_statements("AAPL", "2019-12-28", "2020-09-26", ["income_statement"])
    assert rows.select("fiscal_date", "fiscal_period").rows() == [
        (date(2019, 12, 28), "Q1"),
        (date(2020, 3, 28), "Q2"),
        (date(2020, 6, 27), "Q3"),
        (date(2020, 9, 26), "FY"),
        (date(2020, 9, 26), "Q4"),
    ]
    assert set(rows["statement_type"]) == {"income"}
    assert json.loads(rows["metrics"][4])["revenue"] == 64698000000


def test_all_statement_types_are_the_default(provider: DatabaseProvider) -> None:
    """Without a choice, each of the three types is there; symbols that are unknown have no rows."""
    rows = provider.get_financial_statements("AAPL", "2020-06-01", "2020-06-30")
    assert rows["statement_type"].to_list() == ["balance_sheet", "cash_flow", "income"]
    with pytest.warns(SymbolNotHeldWarning, match="'NOPE'"):
        assert provider.get_financial_statements("NOPE").is_empty()


@pytest.fixture
def restated(lake: Lake, tmp_path: Path) -> DatabaseProvider:
    """Return a provider on one quarter, filed on 2020-10-29 after the close and restated on 2021-05-03."""
    later = income(revenue=1, acceptedDate="2021-05-03 09:00:00", fillingDate="2021-05-03")
    migrate(lake, tmp_path, Entry("AAPL", "income", [income()]))
    migrate(lake, tmp_path, Entry("AAPL", "income", [later], cached_at=LATER))
    return DatabaseProvider(lake, frames="polars")


@pytest.mark.first_cases(2)
@pytest.mark.parametrize(
    ("as_of", "revenues"),
    [
        (None, [1]),
        ("2020-10-29", []),
        ("2020-10-30", [64698000000]),
        ("2021-05-02", [64698000000]),
        (pd.Timestamp("2021-05-03"), [1]),
    ],
)
def test_a_restated_period_is_one_row(restated: DatabaseProvider, as_of: Any, revenues: list[int]) -> None:
    """It is there as it is now, or with ``as_of`` as it was known at the close of a day."""
    rows = restated.get_financial_statements("AAPL", as_of=as_of)
    assert [json.loads(text)["revenue"] for text in rows["metrics"]] == revenues


@pytest.mark.parametrize(
    ("symbol", "fiscal_date", "known"),
    [
        ("AAPL", "2020-09-26", "2020-10-30"),  # accepted on the 29th at 18:06
        ("GOOGL", "2020-12-31", "2021-02-04"),  # accepted on the 3rd at 16:30
    ],
)
def test_ratios_are_those_of_the_day_a_period_became_known(
    provider: DatabaseProvider, symbol: str, fiscal_date: str, known: str
) -> None:
    """They agree with what plain Python computes for that day from the sample's files."""
    rows = json.loads((GOLDEN / "factors.json").read_text())
    [expected] = [row for row in rows if (row["symbol"], row["date"]) == (symbol, known)]
    [row] = provider.get_financial_ratios(symbol, fiscal_date, fiscal_date).to_dicts()
    assert (str(row["fiscal_date"]), str(row["date"])) == (fiscal_date, known)
    for name in ("pe_ratio", "pb_ratio", "roe", "roa", "debt_to_equity", "current_ratio", "market_cap"):
        assert row[name] == pytest.approx(expected[name], rel=1e-12), name


def test_ratios_are_of_the_periods_in_the_range(provider: DatabaseProvider) -> None:
    """A range is of period ends, both included; symbols that are unknown have no rows."""
    rows = provider.get_financial_ratios(["NOPE", "AAPL"], "2020-03-28", pd.Timestamp("2020-09-26"))
    assert [str(day) for day in rows["fiscal_date"]] == ["2020-03-28", "2020-06-27", "2020-09-26"]
    assert set(rows["symbol"]) == {"AAPL"}


def test_market_caps_are_the_expected_ones(provider: DatabaseProvider) -> None:
    """A batch agrees with what plain Python computes from the sample's files, also where there is none."""
    golden = [row for row in json.loads((GOLDEN / "market_caps.json").read_text()) if row["symbol"] == "AAPL"]
    rows = provider.calculate_market_caps_batch(["AAPL"], [row["date"] for row in golden])
    assert [str(day) for day in rows["date"]] == [row["date"] for row in golden]
    for expected, row in zip(golden, rows["market_cap"], strict=True):
        assert row == (expected["market_cap"] and pytest.approx(expected["market_cap"], rel=1e-12))


def test_every_symbol_and_date_of_a_batch_has_a_row(provider: DatabaseProvider) -> None:
    """Dates may be a pandas index; a symbol that is unknown has its rows, with the reason."""
    days = pd.date_range("2020-08-28", "2020-08-31", freq="B")
    rows = provider.calculate_market_caps_batch(["NOPE", "AAPL"], days)
    assert rows.select("symbol", "date").rows() == [
        (symbol, date(2020, 8, day)) for symbol in ("AAPL", "NOPE") for day in (28, 31)
    ]
    assert rows["market_cap"].is_null().to_list() == [False, False, True, True]
    assert rows["reason"].is_null().to_list() == [True, True, False, False]


@pytest.mark.parametrize(
    ("question", "arguments", "message"),
    [
        ("get_financial_statements", ("AAPL", "2021-01-02", "soon"), "end_date is 'soon'"),
        ("get_financial_statements", ("AAPL", None, None, ["incme"]), "Did you mean 'income'"),
        ("get_financial_ratios", ("AAPL", 20210102, "2021-01-01"), "start_date is 20210102"),
        ("calculate_market_caps_batch", ("AAPL", ["2021-13-01"]), "date is '2021-13-01'; expected a date"),
        ("calculate_market_caps_batch", ("AAPL", None), "date is None; expected a date"),
        ("calculate_market_caps_batch", (7, ["2021-01-01"]), "A symbol is a string such as 'AAPL'"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_refused(
    provider: DatabaseProvider, question: str, arguments: tuple[Any, ...], message: str
) -> None:
    """The error names the argument, its value and the expected form."""
    with pytest.raises(InvalidInput, match=message):
        getattr(provider, question)(*arguments)
