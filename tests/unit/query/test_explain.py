"""Explanations: the figures behind an answer, which a person can add up to it."""

from __future__ import annotations

import json
import math
from datetime import date
from typing import Any

import pytest

import factorlab_lake as fl
from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.lake import Lake
from tests.support import slow_after
from tests.unit.query.lake_builder import LakeBuilder, filing, quarters

CASES = LakeBuilder()
KNOWN = "2021-01-30"
# One factor of each kind: price, enterprise value, tax rate, two sheets, growth of flows and of counts.
_KINDS = ("pe_ratio", "ev_to_ebitda", "roic", "current_ratio", "revenue_growth_yoy", "share_growth")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("explain"))


@pytest.fixture(scope="module")
def of_apple(lake_2021: Lake) -> dict[str, Any]:
    """Return every factor of Apple at the end of 2020."""
    [row] = lake_2021.factors("AAPL", "2020-12-31").to_dicts()
    return dict(row)


def last(rows: list[dict[str, Any]], step: str) -> dict[str, Any]:
    """Return the last row of a step: its value."""
    return [row for row in rows if row["step"] == step][-1]


@pytest.mark.first_cases(2)
@pytest.mark.parametrize(
    "factor", slow_after(len(_KINDS), [*_KINDS, *(f for f in FACTORS if f not in _KINDS)])
)
def test_the_arithmetic_of_a_factor_gives_its_value(
    lake_2021: Lake, of_apple: dict[str, Any], factor: str
) -> None:
    """The note of the last row is the formula in numbers, and its value is the factor."""
    answer = lake_2021.explain_factor(factor, "AAPL", "2020-12-31").to_dicts()[-1]
    expected = of_apple[factor]
    assert (answer["step"], answer["value"]) == (factor, expected)
    [again] = lake_2021.sql(f"SELECT ({answer['note']})::DOUBLE AS again")["again"]
    assert math.isclose(again, expected, rel_tol=1e-12)


def test_a_flow_lists_its_statements_with_their_filings(lake_2021: Lake) -> None:
    """Price to earnings at the end of 2020 follows from Apple's fiscal year up to September."""
    rows = lake_2021.explain_factor("pe_ratio", "AAPL", "2020-12-31").to_dicts()
    components = [row for row in rows if row["step"] == "net_income" and row["date"]]
    assert [(each["date"].isoformat(), each["period"], each["value"]) for each in components] == [
        ("2020-09-26", "FY", 57_411_000_000),
    ]
    assert components[-1]["accepted_at"].isoformat() == "2020-10-29T22:06:25+00:00"
    assert components[-1]["available_date"] == date(2020, 10, 30)
    assert components[-1]["source"].startswith("https://www.sec.gov/Archives/edgar/data/320193/")
    assert last(rows, "net_income")["value"] == 57_411_000_000


CASES.statements("YEARS", "income", quarters(netIncome=[10, 20, 30, 0], revenue=[100] * 4)[:3])
CASES.statements("YEARS", "income", [filing("2020-12-31", "FY", netIncome=100, revenue=400)])
CASES.statements("YEARS", "income", [filing("2021-03-31", "Q1", netIncome=5, revenue=90)])


def test_a_year_to_date_shows_what_it_is_made_of(made: Lake) -> None:
    """The sum is the year less its first quarter, and the next one: parts with their signs, and the words."""
    rows = made.explain_factor("net_margin", "YEARS", "2021-07-01").to_dicts()
    parts = [
        (row["date"].isoformat(), row["period"], row["sign"]) for row in rows if row["item"] == "revenue"
    ]
    assert sorted(parts) == sorted(
        [
            ("2021-03-31", "Q1", 1),
            ("2020-12-31", "FY", 1),
            ("2020-03-31", "Q1", -1),
        ]
    )
    assert last(rows, "revenue")["value"] == 400 + 90 - 100
    assert last(rows, "revenue")["note"] == "2020-12-31 = FY - Q1; 2021-03-31 = Q1"
    assert last(rows, "net_margin")["value"] == pytest.approx((100 + 5 - 10) / 390, rel=1e-15)


CASES.statements("BANK", "income", quarters(grossProfit=[0] * 4, costOfRevenue=[0] * 4, revenue=[100] * 4))


def test_a_zero_that_means_missing_is_explained(made: Lake) -> None:
    """A bank has neither gross profit nor cost of sales: the sum of the zeros was shown as the input."""
    rows = made.explain_factor("gross_margin", "BANK", KNOWN).to_dicts()
    zeros = [row for row in rows if row["step"] == "gross_profit"]
    not_reported = "0 stands for a figure that was not reported"
    assert [(row["value"], row["note"]) for row in zeros] == [
        *[(0, not_reported)] * 4,
        (None, f"missing: {not_reported}"),
    ]
    assert rows[-1]["note"] == "gross_profit: missing"


CASES.closes("SPLIT", {"2021-01-29": 10.0})
CASES.count("SPLIT", "cover_page", "2020-12-31", 50, filed="2021-01-20")
CASES.split("SPLIT", "2021-01-25", 4, 1)
CASES.split("SPLIT", "2021-01-27", 1, 2)


def test_a_market_cap_shows_price_count_and_splits_between_them(made: Lake) -> None:
    """50 shares counted before a 4:1 and a 1:2 split, at a price after both, are 100 shares."""
    rows = made.explain_market_cap("SPLIT", KNOWN).to_dicts()
    splits = [(row["date"], row["value"], row["note"]) for row in rows if row["step"] == "split"]
    assert splits == [
        (date(2021, 1, 25), 4, "multiplies the shares"),
        (date(2021, 1, 27), 0.5, "multiplies the shares"),
    ]
    assert last(rows, "split_factor")["value"] == 2
    assert last(rows, "shares_outstanding")["available_date"] == date(2021, 1, 20)
    assert last(rows, "market_cap")["value"] == 10 * 50 * 2
    assert rows[-1]["note"] == "10.0 * 50.0 * 2.0"


def test_the_count_of_a_market_cap_names_its_filing(lake_2021: Lake) -> None:
    """Apple's count at the end of 2020 is the average of the quarter to September, filed on 2020-10-29."""
    row = last(lake_2021.explain_market_cap("AAPL", "2020-12-31").to_dicts(), "shares_outstanding")
    assert (row["date"], row["period"]) == (date(2020, 9, 26), "Q4")
    assert row["accepted_at"].isoformat() == "2020-10-29T22:06:25+00:00"
    assert row["note"].startswith("weighted_average_proxy")


@pytest.mark.parametrize("symbol", ["NOBODY", "YEARS"])
def test_what_is_not_known_is_explained_too(made: Lake, symbol: str) -> None:
    """The last row has no value, and the reason that the answer gives for it."""
    cap = made.explain_market_cap(symbol, KNOWN).to_dicts()[-1]
    assert (cap["value"], cap["note"]) == (None, made.market_caps(symbol, KNOWN)["reason"].item())
    factor = made.explain_factor("pe_ratio", symbol, KNOWN).to_dicts()[-1]
    reasons = json.loads(made.factors(symbol, KNOWN)["reasons"].item())
    assert (factor["value"], factor["note"]) == (None, reasons["pe_ratio"])


def test_an_unknown_factor_is_refused_with_the_nearest(lake_2021: Lake) -> None:
    """A misspelt factor is named, with those there are and the one that was meant."""
    with pytest.raises(fl.LakeError, match=r"'pe_ration'.*Did you mean 'pe_ratio'"):
        lake_2021.explain_factor("pe_ration", "AAPL", "2020-12-31")


CASES.statements("UNCOUNTED", "income", quarters(netIncome=[1] * 4, weightedAverageShsOut=[10] * 4)[:3])
CASES.statements("UNCOUNTED", "income", [filing("2020-12-31", "FY", netIncome=4, weightedAverageShsOut=10)])


def test_a_count_is_the_years_own_where_its_last_quarter_is_derived(made: Lake) -> None:
    """A count cannot be derived from cumulative figures: at the year's end its own row has one."""
    rows = made.explain_factor("share_growth", "UNCOUNTED", "2021-05-01").to_dicts()
    assert last(rows, "shares")["value"] == 10
    assert {row["period"] for row in rows if row["step"] == "shares" and row["date"]} == {"FY"}
    derived = made.quarters("UNCOUNTED", "2020-12-31", "2020-12-31")
    assert derived["net_income"].to_list() == [1]
    assert derived["derivation"].is_not_null().all()
