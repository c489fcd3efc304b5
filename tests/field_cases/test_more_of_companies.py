"""Test further inputs of the kinds of INDEX.md about companies, counts and periods against the oracle."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.field_cases.given import one
from tests.field_cases.more_inputs import FETCHED, QUESTIONS, TOLD
from tests.oracle.told import right_value
from tests.support import Entry, made_once, migrate

_COLUMNS = {"market_caps": "market_cap", "ttm": "revenue", "factors": "gross_margin"}
RIGHT = {
    (kind, symbol, question, day): right_value(TOLD[symbol], question, date.fromisoformat(day))
    for kind, symbol, question, day in QUESTIONS
}


def _make(place: Path) -> None:
    lake = fl.open(place)
    entries = []
    for facts in TOLD.values():
        for period in ("annual", "quarterly"):
            rows = [row for row in facts.statements if (row["period"] == "FY") == (period == "annual")]
            entries += [Entry(facts.symbol, "income", rows, cached_at=FETCHED, period=period)] if rows else []
    migrate(lake, place.parent / f"{place.name}_given", *entries)
    closes = [
        {"symbol": facts.symbol, "date": day, "close_price": close, "split_basis_date": day}
        for facts in TOLD.values()
        for day, close in facts.closes.items()
    ]
    lake.load("price_data", _columns(closes))
    lake.load("shares_outstanding", _columns(_counts()))
    profiles = [
        {"symbol": facts.symbol, "shares_per_receipt": None} | facts.profile for facts in TOLD.values()
    ]
    lake.load("company_profiles", _columns([row for row in profiles if "currency" in row]))


def _counts() -> list[dict[str, Any]]:
    """Return all counts: the oracle names the day from which one is usable, after that of its filing."""
    return [
        {
            "symbol": facts.symbol,
            "source": source,
            "as_of_date": counted,
            "shares": shares,
            "split_basis_date": counted,
            "filing_date": (date.fromisoformat(known) - timedelta(days=1)).isoformat(),
        }
        for facts in TOLD.values()
        for source, counted, shares, known in facts.counts
    ]


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of all inputs."""
    return fl.open(made_once(tmp_path_factory, "more_of_companies", _make), create=False)


@pytest.mark.parametrize(("kind", "symbol", "question", "day"), QUESTIONS)
def test_answers_are_the_right_values(lake: Lake, kind: str, symbol: str, question: str, day: str) -> None:
    """Each is the value of the plain computation, or NULL with a reason where that has none."""
    row = one(getattr(lake, question)(symbol, day))
    value, right = row[_COLUMNS[question]], RIGHT[kind, symbol, question, day]
    if right is None:
        assert value is None
        assert row["reason"] or _COLUMNS[question] in row["reasons"]
    else:
        assert value == pytest.approx(right, rel=1e-9), (kind, row)


def test_the_right_values_are_those_on_record() -> None:
    """The plain computation gives what it gave when the answers were first compared with it."""
    text = "".join(
        f"{','.join(question)},{'' if right is None else right:}\n" for question, right in RIGHT.items()
    )
    assert text == Path(__file__).with_name("right_values.csv").read_text(encoding="utf-8")
