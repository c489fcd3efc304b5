"""The trailing twelve months and what follows from them, against a plain model of it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factorlab_lake.lake import Lake
from tests.properties.companies import (
    ENDS,
    Filed,
    Year,
    histories,
    known_at,
    limit_days,
    record,
    total,
    versions,
    year_at,
)
from tests.support import examples
from tests.unit.query.lake_builder import LakeBuilder

COMPANIES = 40
FETCHED = datetime(2022, 6, 30, tzinfo=UTC)
DAYS: list[date] = pl.date_range(date(2018, 4, 15), date(2022, 3, 31), "23d", eager=True).to_list()
Row = dict[str, Any]


def made_of(place: Any, companies: dict[str, list[Filed]]) -> Lake:
    """Return a lake of these companies: the versions of a period are served one after the other."""
    cases = LakeBuilder()
    for symbol, filed in companies.items():
        for kind in ("income", "cash_flow"):
            numbered = [
                (number, one)
                for (of_kind, *_), filings in versions(filed).items()
                for number, one in enumerate(filings)
                if of_kind == kind
            ]
            for number in range(max((number for number, _ in numbered), default=-1) + 1):
                records = [record(one) for place_of, one in numbered if place_of == number]
                cases.statements(symbol, kind, records, fetched=FETCHED)
    return cases.build(place)


def newest(filed: list[Filed], kind: str, day: date, vintage: str) -> Year | None:
    """Return the year up to the newest period end known on a day."""
    known = known_at(filed, kind, day, vintage)
    return year_at(known, max(quarter for quarter, _ in known)) if known else None


def is_recent(filed: list[Filed], year: Year, day: date) -> bool:
    """Say whether the end of a year is recent enough for the rhythm of the reports."""
    return (day - ENDS[year.quarter]).days <= limit_days(filed, day)


def is_fresh(filed: list[Filed], year: Year, day: date) -> bool:
    """Say whether there is a sum for a year, and it may still be used."""
    return year.basis is not None and is_recent(filed, year, day)


def expected_ttm(filed: list[Filed], day: date, vintage: str) -> Row:
    """Return what the model says of a company's trailing year."""
    year, cash = newest(filed, "income", day, vintage), newest(filed, "cash_flow", day, vintage)
    if year is None:
        return {
            "reason": "no_statement_known",
            "revenue": None,
            "net_income": None,
            "operating_cash_flow": None,
        }
    fresh = is_fresh(filed, year, day)
    joined = (
        cash if cash and cash.basis and cash.quarter == year.quarter and is_recent(filed, year, day) else None
    )
    row: Row = {
        "fiscal_date": ENDS[year.quarter],
        "basis": year.basis,
        "derivation": year.derivation,
        "reason": year.reason or (None if fresh else "statement_stale"),
        "revenue": total(year, "revenue") if fresh else None,
        "net_income": total(year, "net_income") if fresh else None,
        "operating_cash_flow": total(joined, "operating_cash_flow") if joined and fresh else None,
    }
    if year.basis:
        known = [year.available, *([joined.available] if joined else [])]
        row["inputs_available_date"] = max(known)
    return row


def expected_growth(filed: list[Filed], day: date, vintage: str) -> Row:
    """Return what the model says of growth over the year before, as known on the day."""
    row: Row = {"revenue_growth_yoy": None, "share_growth": None}
    known = known_at(filed, "income", day, vintage)
    year = newest(filed, "income", day, vintage)
    if year is None or not is_fresh(filed, year, day) or all(end != year.quarter - 4 for end, _ in known):
        return row
    before = year_at(known, year.quarter - 4)
    if before.basis:
        now, then = total(year, "revenue"), total(before, "revenue")
        if now is not None and then is not None and then > 0:
            row["revenue_growth_yoy"] = pytest.approx((now - then) / then, rel=1e-12, abs=1e-15)
        if year.head and before.head and year.head.months == before.head.months:
            count, old = year.head.items["shares"], before.head.items["shares"]
            if count and old:
                row["share_growth"] = pytest.approx((count - old) / old, rel=1e-12, abs=1e-15)
    return row


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("vintage", ["known", "first", "latest"])
@examples(1)
@given(seed=st.integers(0, 2**32))
def test_years_are_those_of_the_model(
    tmp_path_factory: pytest.TempPathFactory, vintage: str, seed: int
) -> None:
    """The year's row, the year to date, or four quarters; whatever is missing, late or restated.

    And growth over the year before, where a share count is the newest quarter's own and never a sum.
    """
    chance = Random(seed)
    companies = {f"C{number}": histories(chance, ("income", "cash_flow")) for number in range(COMPANIES)}
    lake = made_of(tmp_path_factory.mktemp("years"), companies)
    for question, model in (("ttm", expected_ttm), ("factors", expected_growth)):
        rows = getattr(lake, question)(list(companies), DAYS, vintage=vintage).to_dicts()
        assert len(rows) == len(companies) * len(DAYS)
        for row in rows:
            expected = model(companies[row["symbol"]], row["date"], vintage)
            assert {name: row[name] for name in expected} == expected, (row["symbol"], row["date"])
