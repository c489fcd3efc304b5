"""Test FMPProvider.batch_fetch_statements by Factor Lab's documented behaviour."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, LakeWarning, SymbolNotHeldWarning
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import FMPProvider
from tests.support import Entry, income, migrate

TYPES = ["income_statement", "balance_sheet", "cash_flow", "financial_ratios"]


@pytest.fixture(scope="module")
def provider(lake_2021: Lake) -> FMPProvider:
    """Return a provider on the clean sample."""
    return FMPProvider(lake_2021)


def test_all_four_types_are_the_default(provider: FMPProvider) -> None:
    """Each symbol has the four types, with the 20 newest quarters of each, newest first."""
    answer = provider.batch_fetch_statements(["AAPL", "GOOGL"])
    assert list(answer) == ["AAPL", "GOOGL"]
    assert answer == provider.batch_fetch_statements(["AAPL", "GOOGL"], None, "quarter", 20, True)
    for kinds in answer.values():
        assert list(kinds) == TYPES
        for records in kinds.values():
            days = [r["date"] for r in records]
            assert len(days) == 20
            assert days == sorted(days, reverse=True)
            assert {r["period"] for r in records} <= {"Q1", "Q2", "Q3", "Q4"}


@pytest.mark.parametrize("types", [["cash_flow"], ("cash_flow",), "cash_flow", iter(["cash_flow"])])
def test_one_type_or_several(provider: FMPProvider, types: Any) -> None:
    """A text is a list of one, and any iterable is accepted."""
    answer = provider.batch_fetch_statements("AAPL", types, "annual", 2)
    assert {kind: [r["date"] for r in records] for kind, records in answer["AAPL"].items()} == {
        "cash_flow": ["2020-09-26", "2019-09-28"]
    }


@pytest.mark.parametrize("limit", [1, 3, 1000, None])
def test_a_limit_counts_each_type(provider: FMPProvider, limit: int | None) -> None:
    """At most that many records of each type; None is all of them."""
    answer = provider.batch_fetch_statements("AAPL", limit=limit)["AAPL"]
    every = provider.batch_fetch_statements("AAPL", limit=10_000)["AAPL"]
    assert answer == {kind: records[:limit] for kind, records in every.items()}


def test_records_of_statements_come_from_the_read_index(
    lake_2021: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One read answers all types, without SQL, and SQL has the same records."""
    lake, types = fl.open(lake_2021.path), TYPES[:3]
    records = FMPProvider(lake).batch_fetch_statements(["AAPL", "GOOGL"], types, limit=None)
    assert "session" not in vars(lake._reader)
    assert all(len(records[symbol][kind]) >= 20 for symbol in records for kind in types)
    monkeypatch.setenv("FACTORLAB_READ_INDEX", "0")
    lake.result_cache.clear()
    by_sql = FMPProvider(fl.open(lake_2021.path)).batch_fetch_statements(["AAPL", "GOOGL"], types, limit=None)
    assert by_sql == records


def test_fields_without_a_value_are_none(provider: FMPProvider) -> None:
    """Every record of a type has the same fields, so code may index them without a test."""
    for kind, records in provider.batch_fetch_statements("AAPL", limit=None)["AAPL"].items():
        assert len({frozenset(record) for record in records}) == 1, kind


def test_a_field_that_the_file_left_out_is_none(lake: Lake, tmp_path: Path) -> None:
    """A record without net income has the field."""
    migrate(lake, tmp_path, Entry("AAPL", "income", [income(netIncome=..., eps=None)]))
    [record] = FMPProvider(lake).batch_fetch_statements("AAPL", "income_statement")["AAPL"][
        "income_statement"
    ]
    assert (record["netIncome"], record["eps"], record["revenue"]) == (None, None, 64698000000)


def test_unknown_symbols_have_empty_lists(provider: FMPProvider) -> None:
    """They are named in a warning, and the others have their records."""
    with pytest.warns(SymbolNotHeldWarning, match="'NOPE'.* It has no records"):
        answer = provider.batch_fetch_statements(["NOPE", "AAPL"], limit=1)
    assert answer["NOPE"] == {kind: [] for kind in TYPES}
    assert all(len(records) == 1 for records in answer["AAPL"].values())


def test_symbols_in_small_letters_are_found(provider: FMPProvider) -> None:
    """The key has the caller's spelling; records have the provider's."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = provider.batch_fetch_statements(["aapl"], limit=2)
    assert answer == {"aapl": provider.batch_fetch_statements("AAPL", limit=2)["AAPL"]}
    assert answer["aapl"]["income_statement"][0]["symbol"] == "AAPL"


def test_without_the_cache_the_lake_answers_with_a_warning(provider: FMPProvider) -> None:
    """use_cache=False fetches nothing, and says so."""
    with pytest.warns(LakeWarning, match="use_cache=False fetches nothing.*warm_cache") as caught:
        answer = provider.batch_fetch_statements("AAPL", limit=1, use_cache=False)
    assert answer == provider.batch_fetch_statements("AAPL", limit=1, use_cache=True)
    assert Path(caught[0].filename) == Path(__file__)


# --- ratios -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("period", "labels"), [("quarter", {"Q1", "Q2", "Q3", "Q4"}), ("annual", {"FY"})])
def test_ratios_are_the_lakes_where_it_has_none_of_the_provider(
    provider: FMPProvider, lake_2021: Lake, period: str, labels: set[str]
) -> None:
    """They are those of lake.ratios under FMP's names, with the day on which the period became available."""
    records = provider.batch_fetch_statements("AAPL", "financial_ratios", period, 3)["AAPL"][
        "financial_ratios"
    ]
    assert {r["period"] for r in records} <= labels
    for record in records:
        [row] = lake_2021.ratios("AAPL", record["date"], record["date"]).to_dicts()
        assert (record["symbol"], record["source"]) == ("AAPL", "lake")
        assert record["availableDate"] == str(row["date"])
        assert record["calendarYear"] == record["date"][:4] or record["period"] == "Q1"
        assert (record["priceEarningsRatio"], record["priceToBookRatio"]) == (
            row["pe_ratio"],
            row["pb_ratio"],
        )
        assert (record["returnOnEquity"], record["debtEquityRatio"]) == (row["roe"], row["debt_to_equity"])
        assert record["priceToOperatingCashFlowsRatio"] == row["pcf_ratio"]
        assert (record["enterpriseValueMultiple"], record["cashRatio"]) == (row["ev_to_ebitda"], None)


def test_the_providers_ratios_are_returned_where_the_lake_has_them(lake: Lake, tmp_path: Path) -> None:
    """A record goes by its own period: a file of quarters with annual records has no quarters."""
    ratio = {"symbol": "AAPL", "date": "2020-09-26", "calendarYear": "2020", "period": "FY",
             "currentRatio": 1.36, "returnOnEquity": None}  # fmt: skip
    older = ratio | {"date": "2019-09-28", "calendarYear": "2019", "quickRatio": 1.5}
    migrate(lake, tmp_path, Entry("AAPL", "ratios", [older, ratio]), Entry("AAPL", "income", [income()]))
    provider = FMPProvider(lake)
    years = provider.batch_fetch_statements("AAPL", "financial_ratios", "annual")["AAPL"]["financial_ratios"]
    for record, sent in zip(years, [ratio | {"quickRatio": None}, older], strict=True):
        assert record | sent == record
        assert (record["source"], record["priceEarningsRatio"]) == ("fmp", None)
    quarters = provider.batch_fetch_statements("AAPL", "financial_ratios")["AAPL"]["financial_ratios"]
    assert [(r["date"], r["source"]) for r in quarters] == [("2020-09-26", "lake")]


def test_ratios_of_the_newer_api_have_the_older_names(lake: Lake, tmp_path: Path) -> None:
    """Factor Lab's code uses v3 names, and the newer generation of the API has others."""
    sent = {"symbol": "AAPL", "date": "2020-09-26", "fiscalYear": "2020", "period": "FY",
            "priceToEarningsRatio": 34.4, "priceToBookRatio": 30.2, "ebitdaMargin": 0.28}  # fmt: skip
    migrate(lake, tmp_path, Entry("AAPL", "ratios", [sent]))
    answer = FMPProvider(lake).batch_fetch_statements("AAPL", "financial_ratios", "annual")
    [record] = answer["AAPL"]["financial_ratios"]
    assert (record["priceEarningsRatio"], record["calendarYear"]) == (34.4, "2020")
    assert (record["priceToBookRatio"], record["priceBookValueRatio"]) == (30.2, 30.2)
    assert record["ebitdaMargin"] == 0.28


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("AAPL", "ratios"), "statement type is 'ratios'; expected one of income_statement"),
        (("AAPL", ["income_statement", None]), "statement type is None"),
        (("AAPL", None, "ttm"), "period is 'ttm'; expected one of quarter, quarterly, annual"),
        (("AAPL", None, "quarter", 0), "limit is 0; expected a whole number from 1 on, or None for all"),
        (("AAPL", None, "quarter", 2.5), "limit is 2.5"),
        ((None,), "A symbol is a string such as 'AAPL'"),
    ],
)
def test_an_invalid_argument_is_named(
    provider: FMPProvider, arguments: tuple[Any, ...], message: str
) -> None:
    """The error names the argument, its value and the expected form."""
    with pytest.raises(InvalidInput, match=message):
        provider.batch_fetch_statements(*arguments)
