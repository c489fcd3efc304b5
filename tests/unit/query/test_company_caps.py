"""Test the market capitalisation of a company with several listed classes."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.lake import Lake
from tests.unit.query.lake_builder import LakeBuilder

DAY = "2021-02-26"
CASES = LakeBuilder()


def _class(
    symbol: str, cik: str, close: float | None, count: float | None, currency: str | None = "USD"
) -> None:
    """Add a class of a company: its statements, its close and the count of its shares on a cover page."""
    CASES.shares(symbol, "2020-12-31", 900, cik=cik, reportedCurrency=currency or "USD")
    if currency is not None:
        CASES.row("company_profiles", symbol=symbol, currency=currency)
    if close is not None:
        CASES.closes(symbol, {DAY: close})
    if count is not None:
        CASES.count(symbol, "cover_page", "2021-01-20", count, filed="2021-01-29")


# 10 x 600 + 8 x 400 = 9,200
_class("BOTH.A", "1", 10.0, 600)
_class("BOTH.B", "1", 8.0, 400)
_class("PRICELESS.A", "2", 10.0, 600)
_class("PRICELESS.B", "2", None, 400)
_class("COUNTLESS.A", "3", 10.0, 600)
_class("COUNTLESS.B", "3", 8.0, None)
_class("TOTAL.A", "4", 10.0, 1000)
_class("TOTAL.B", "4", 8.0, 1000)
_class("ABROAD.A", "5", 10.0, 600)
_class("ABROAD.B", "5", 8.0, 400, "EUR")
_class("QUOTED.A", "10", 10.0, 600)
_class("QUOTED.B", "10", 8.0, 400, None)
_class("QUOTED.C", "10", 5.0, 200, None)
_class("BARE.A", "11", 10.0, 600, None)
_class("BARE.B", "11", 8.0, 400, None)
_class("MIXED.A", "12", 10.0, 600)
_class("MIXED.B", "12", 8.0, 400, "EUR")
_class("MIXED.C", "12", 5.0, 200, None)
_class("ALONE", "6", 10.0, 600)
_class("AVERAGE", "7", 10.0, None)
_class("OLD", "8", 10.0, 600)
_class("NEW", "8", 8.0, 400)
CASES.row(
    "symbol_history", symbol="OLD", company_id="8", valid_from=date(2001, 1, 1), valid_to=date(2020, 6, 1)
)
CASES.row("symbol_history", symbol="NEW", company_id="8", valid_from=date(2020, 6, 1))
# Statements, bars and counts of the first class; bars, counts and a profile of the others.
_class("FILER.A", "9", 10.0, 600)
for name, cik in (
    ("FILER.B", "9"),
    ("FILER.C", "0000000009"),
    ("ENDED.B", "9"),
    ("ZERO.B", "0"),
    ("ZERO.C", "0"),
):
    CASES.row("company_profiles", symbol=name, currency="USD", cik=cik)
    CASES.closes(name, {DAY: 5.0})
    CASES.count(name, "cover_page", "2021-01-20", 100 + len(name) + ord(name[-1]), filed="2021-01-29")
CASES.row(
    "symbol_history", symbol="ENDED.B", company_id="9", valid_from=date(2001, 1, 1), valid_to=date(2020, 6, 1)
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake with the companies of this file."""
    return CASES.build(Path(tmp_path_factory.mktemp("companies")))


def _row(lake: Lake, symbol: str, day: str = DAY) -> dict[str, Any]:
    [row] = lake.company_market_caps(symbol, day).to_dicts()
    return row


@pytest.mark.parametrize(
    ("symbol", "cap", "classes", "reason"),
    [
        ("BOTH.A", 9_200, "BOTH.A,BOTH.B", None),
        ("BOTH.B", 9_200, "BOTH.A,BOTH.B", None),
        ("PRICELESS.A", None, "PRICELESS.A,PRICELESS.B", "PRICELESS.B: no_price_within_limit"),
        ("COUNTLESS.A", None, "COUNTLESS.A,COUNTLESS.B", "COUNTLESS.B: no_cover_count"),
        ("TOTAL.A", None, "TOTAL.A,TOTAL.B", "one_count_for_several_classes"),
        ("ABROAD.A", None, "ABROAD.A,ABROAD.B", "currencies_differ"),
        (
            "QUOTED.A",
            None,
            "QUOTED.A,QUOTED.B,QUOTED.C",
            "QUOTED.B: currency_unknown; QUOTED.C: currency_unknown",
        ),
        ("BARE.B", 9_200, "BARE.A,BARE.B", None),
        ("MIXED.C", None, "MIXED.A,MIXED.B,MIXED.C", "currencies_differ"),
        ("ALONE", 6_000, "ALONE", None),
        ("AVERAGE", 9_000, "AVERAGE", None),
        ("NEW", 3_200, "NEW", None),
        ("FILER.A", 6_000 + 5 * 173 + 5 * 174, "FILER.A,FILER.B,FILER.C", None),
        ("FILER.B", 6_000 + 5 * 173 + 5 * 174, "FILER.A,FILER.B,FILER.C", None),
        ("ZERO.B", 5 * 172, "ZERO.B", None),
    ],
)
def test_a_company_is_worth_all_its_classes(
    made: Lake, symbol: str, cap: float | None, classes: str, reason: str | None
) -> None:
    """Each class counts with its own close and shares; where one is missing, the company has no cap."""
    row = _row(made, symbol)
    assert (row["company_market_cap"], row["classes"], row["reason"]) == (cap, classes, reason)


def test_one_row_per_symbol_and_date_in_order(made: Lake) -> None:
    """Each class gives a row of its own, and only those symbols that were asked for."""
    rows = made.company_market_caps(["BOTH.B", "ALONE"], ["2021-02-27", DAY])
    assert rows.columns == [
        "symbol", "date", "company_market_cap", "currency", "classes", "company_id", "reason"
    ]  # fmt: skip
    assert [(symbol, str(day), cap) for symbol, day, cap in rows.select(rows.columns[:3]).rows()] == [
        ("ALONE", DAY, 6_000),
        ("ALONE", "2021-02-27", 6_000),
        ("BOTH.B", DAY, 9_200),
        ("BOTH.B", "2021-02-27", 9_200),
    ]


def test_a_company_without_a_cap_has_the_reason_of_its_symbol(made: Lake) -> None:
    """A single class says what market_caps says, and an unknown symbol too."""
    assert _row(made, "ALONE", "2019-01-02")["reason"] == "no_price_within_limit; no_share_count_known"
    assert _row(made, "NOBODY")["reason"] == "no_price_within_limit; no_share_count_known"
