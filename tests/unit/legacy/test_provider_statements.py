"""Test statements in Factor Lab's form: FMP's records by symbol and statement type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.errors import InvalidInput, SymbolNotHeldWarning
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import FMPProvider
from tests.support import CACHE_2021, LATER, Entry, entries_of, income, migrate
from tests.unit.query.lake_builder import filing

FOLDERS = {
    "income_statement": "income_statements",
    "balance_sheet": "balance_sheets",
    "cash_flow": "cash_flows",
}


@pytest.fixture(scope="module")
def provider(lake_2021: Lake) -> FMPProvider:
    """Return a provider on the clean sample."""
    return FMPProvider(lake_2021)


def _sent(symbol: str, statement_type: str, *, annual: bool) -> list[dict[str, Any]]:
    """Return the distinct records of the sample's files, newest first."""
    records_by_day: dict[str, dict[str, Any]] = {}
    for path, envelope in entries_of(CACHE_2021):
        if path.startswith(f"{FOLDERS[statement_type]}/{symbol}_"):
            for record in envelope["data"]:
                if (record["period"] == "FY") == annual:
                    records_by_day[record["date"]] = record
    return [records_by_day[day] for day in sorted(records_by_day, reverse=True)]


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("symbol", ["AAPL", "GOOGL"])
@pytest.mark.parametrize(("period", "annual"), [("quarterly", False), ("quarter", False), ("annual", True)])
def test_records_are_those_that_the_provider_sent(
    provider: FMPProvider, symbol: str, period: str, *, annual: bool
) -> None:
    """Each record comes back once, newest first, under FMP's names and in its formats, None for no value."""
    answer = provider.batch_fetch_statements([symbol], list(FOLDERS), period=period, limit=None)
    assert list(answer[symbol]) == ["income_statement", "balance_sheet", "cash_flow"]
    for statement_type, records in answer[symbol].items():
        sent = _sent(symbol, statement_type, annual=annual)
        assert len(sent) >= 2
        assert [r["date"] for r in records] == [r["date"] for r in sent]
        for record, original in zip(records, sent, strict=True):
            assert {name: record[name] for name in original} == original


def test_a_limit_takes_the_newest_of_each(provider: FMPProvider) -> None:
    """Three of each type and symbol, from the newest on; a statement type is answered under its name."""
    answer = provider.batch_fetch_statements(["GOOGL", "AAPL"], ["cash_flow", "income"], limit=3)
    assert {s: {t: len(r) for t, r in types.items()} for s, types in answer.items()} == {
        "GOOGL": {"cash_flow": 3, "income": 3},
        "AAPL": {"cash_flow": 3, "income": 3},
    }
    assert [r["date"] for r in answer["AAPL"]["income"]] == ["2020-12-26", "2020-09-26", "2020-06-27"]
    assert {r["symbol"] for r in answer["GOOGL"]["income"]} == {"GOOGL"}


def test_an_unknown_symbol_has_no_records(provider: FMPProvider) -> None:
    """It has an empty list for each statement type, beside the symbols that are known."""
    with pytest.warns(SymbolNotHeldWarning, match="'NOPE'.* It has no records"):
        answer = provider.batch_fetch_statements(["NOPE", "AAPL"], "income_statement", limit=None)
    assert answer["NOPE"] == {"income_statement": []}
    assert len(answer["AAPL"]["income_statement"]) > 40


def test_a_restated_period_is_served_once_as_it_is_now(lake: Lake, tmp_path: Path) -> None:
    """Of two versions of a quarter the newest is served, as the provider would."""
    later = income(revenue=64698000001, acceptedDate="2021-05-03 17:00:00", fillingDate="2021-05-03")
    migrate(lake, tmp_path, Entry("AAPL", "income", [income()]))
    migrate(lake, tmp_path, Entry("AAPL", "income", [later], cached_at=LATER))
    [record] = FMPProvider(lake).batch_fetch_statements("AAPL", "income_statement")["AAPL"][
        "income_statement"
    ]
    assert (record["revenue"], record["acceptedDate"]) == (64698000001, "2021-05-03 17:00:00")


def test_a_year_is_no_quarter_though_it_ends_with_one(lake: Lake, tmp_path: Path) -> None:
    """The fiscal year and its fourth quarter end on one day, and each period returns its own."""
    quarter, year = filing("2020-12-31", "Q4", revenue=10), filing("2020-12-31", "FY", revenue=40)
    migrate(lake, tmp_path, Entry("AAPL", "income", [r | {"symbol": "AAPL"} for r in (quarter, year)]))
    for period, revenue in (("quarterly", 10), ("annual", 40)):
        answer = FMPProvider(lake).batch_fetch_statements("AAPL", "income", period)
        assert [r["revenue"] for r in answer["AAPL"]["income"]] == [revenue]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"statement_types": ["ratios"]}, "statement type is 'ratios'; expected one of income_statement"),
        ({"period": "monthly"}, "period is 'monthly'; expected one of quarter, quarterly, annual"),
        ({"limit": 0}, "limit is 0; expected a whole number from 1 on"),
        ({"limit": True}, "limit is True; expected a whole number from 1 on"),
        ({"limit": "5"}, "limit is '5'; expected a whole number from 1 on"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_refused(
    provider: FMPProvider, arguments: dict[str, Any], message: str
) -> None:
    """The error names the argument, its value and the expected form."""
    with pytest.raises(InvalidInput, match=message):
        provider.batch_fetch_statements("AAPL", **arguments)
