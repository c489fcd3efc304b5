"""Test further inputs of the kinds of INDEX.md about the values of records and files against the oracle."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from tests.field_cases.given import INPUTS, one, served, text_file
from tests.field_cases.more_inputs import FETCHED
from tests.oracle.days import MONTHS, accepted_at, usable_from
from tests.support import Entry, bar, income, made_once, migrate
from tests.unit.cli.running import run

_NEAR_MIDNIGHT = [
    "2023-08-03T23:30:00-08:00",  # half past three at night in New York
    "2023-08-04T00:30:00+01:00",  # the evening before in New York
    "2023-08-03T20:59:59+01:00",  # a second before four in New York
    "2023-08-04T05:00:01+09:00",
]


@pytest.mark.parametrize("text", _NEAR_MIDNIGHT)
def test_13_an_offset_decides_the_day(lake: Lake, tmp_path: Path, text: str) -> None:
    """The day and the close are those of New York, whatever day the text names."""
    counts = "symbol,as_of_date,source,shares,split_basis_date,accepted_at\n"
    lake.load(
        "shares_outstanding",
        text_file(tmp_path, "s.csv", f"{counts}A,2023-07-21,cover_page,1000000,2023-07-21,{text}\n"),
    )
    accepted = accepted_at(text)
    usable, _ = usable_from(date(2023, 7, 21), 3, accepted, None)
    row = one(lake.sql("SELECT accepted_at, available_date FROM shares_outstanding"))
    assert (row["accepted_at"], row["available_date"]) == (accepted, usable)


_RECORDS: dict[str, dict[str, Any]] = {
    "15YEAR": {"period": "FY", "acceptedDate": "0000-00-00 00:00:00", "fillingDate": "0000-00-00"},
    "15HALF": {"period": "H1", "acceptedDate": "0000-00-00", "fillingDate": ""},
    "15FILED": {"acceptedDate": "0000-00-00T00:00:00.000Z", "fillingDate": "2023-05-04"},
    "16MINUS": {"grossProfitRatio": -math.inf},
    "16NAN": {"operatingIncomeRatio": math.nan, "epsdiluted": math.inf},
    "17LOWER": {"interestExpense": "n/a", "ebitda": "null", "revenue": "2,500,000,000.5"},
    "17BLANK": {"interestExpense": "", "ebitda": "--", "costOfRevenue": "NaN"},
}


def _make(place: Path) -> None:
    entries = []
    for symbol, fields in _RECORDS.items():
        row = income(
            "2023-03-31", "Q1", symbol=symbol, acceptedDate="2023-05-04 08:00:00", fillingDate="2023-05-04"
        )
        row |= {"calendarYear": "2023", "revenue": 2e9, "eps": 0.1, "netIncome": 1e8} | fields
        period = "annual" if row["period"] == "FY" else "quarterly"
        entries.append(Entry(symbol, "income", [row], cached_at=FETCHED, period=period))
    migrate(fl.open(place), place.parent / f"{place.name}_given", *entries)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return the statement of each record, by symbol."""
    lake = fl.open(made_once(tmp_path_factory, "more_of_records", _make), create=False)
    return {row["symbol"]: row for row in lake.sql("FROM income_statements").to_dicts()}


@pytest.mark.parametrize("symbol", [symbol for symbol in _RECORDS if symbol[:2] == "15"])
def test_15_a_date_of_zeros_is_unknown_in_any_spelling(rows: dict[str, dict[str, Any]], symbol: str) -> None:
    """The day follows from the filing date, else from the length of the period."""
    facts = _RECORDS[symbol]
    filed = facts["fillingDate"] if facts["fillingDate"].startswith("2") else None
    right = usable_from(
        date(2023, 3, 31),
        MONTHS[facts.get("period", "Q1")],
        accepted_at(facts["acceptedDate"]),
        date.fromisoformat(filed) if filed else None,
    )
    assert (rows[symbol]["available_date"], rows[symbol]["availability_basis"]) == right


_UNREADABLE = {
    "16MINUS": ["gross_profit_ratio"],
    "16NAN": ["operating_income_ratio", "eps_diluted"],
    "17LOWER": ["interest_expense", "ebitda"],
    "17BLANK": ["interest_expense", "ebitda", "cost_of_revenue"],
}


@pytest.mark.parametrize("symbol", _UNREADABLE)
def test_16_and_17_what_is_no_number_costs_its_field_alone(
    rows: dict[str, dict[str, Any]], symbol: str
) -> None:
    """The statement stays with its other figures, and separators of thousands are read."""
    row = rows[symbol]
    assert [row[name] for name in _UNREADABLE[symbol]] == [None] * len(_UNREADABLE[symbol])
    facts = str(_RECORDS[symbol].get("revenue", 2e9))
    assert row["revenue"] == float("".join(each for each in facts if each in "0123456789."))


@pytest.mark.parametrize(
    "name", ["100%", "{a,b}", "a*b", "it's", "sémi;colon", "a#b", "[0-9]", 'say "x"', "two\nlines"]
)
def test_18_any_folder_name_works_or_is_refused(tmp_path: Path, name: str) -> None:
    """What works answers with the right cap; a refusal is one line and writes nothing."""
    lake = tmp_path / name
    done = run("--lake", lake, "migrate", INPUTS / "28_gross_profit_zero", code=None)
    if done.code:
        assert (done.code, done.err.strip().count("\n")) == (1, 0)
        assert not lake.exists()
        return
    cap = fl.open(lake, create=False).market_caps("ACME", "2024-05-31")
    assert cap["market_cap"].to_list() == [50.0 * 1e9]


@pytest.mark.parametrize("symbol", ["aApl", "aapl "])
def test_25_one_symbol_has_one_spelling(lake: Lake, symbol: str) -> None:
    """Bars of v3 take the name that was asked for: it is the one of the statements, or none is stored."""
    answers = {
        "historical-price-full": {"symbol": "AAPL", "historical": [bar("2021-03-31")]},
        "income-statement": [income()],
    }
    report = lake.fetch(served(answers, api_generation="v3"), [symbol], kinds=["prices", "statements"])
    names = lake.sql("SELECT symbol FROM price_data UNION ALL SELECT symbol FROM income_statements")
    if symbol.endswith(" "):  # another name: the vendor answers for AAPL, and the report says so
        assert names.is_empty()
        assert "a response for 'AAPL'" in str(report.failures)
    else:
        assert names["symbol"].to_list() == ["AAPL", "AAPL"]


_REFUSED = {
    "price_data": [
        "symbol,date,year,close_price,split_basis_date\nA,2024-05-15,2023,10,2024-05-15\n",
        "symbol,date,close_price,split_basis_date\nA,9999-05-15,10,2024-05-15\n",
        "symbol,date,close_price,split_basis_date,fetched_at\nA,2024-05-15,10,2024-05-15,2199-01-01T00:00:00Z\n",
    ],
    "splits": [
        "symbol,date,numerator,denominator\nA,2024-05-15,0,1\n",
        "symbol,date,numerator,denominator\nA,2024-05-15,1e-308,1\n",
    ],
    "dividends": ["symbol,date,dividend\nA,1024-05-15,0.5\n"],
    "shares_outstanding": ["symbol,as_of_date,source,shares\nA,2024-03-31,cover_page,0\n"],
}


@pytest.mark.parametrize(
    ("table", "text"), [(table, text) for table, texts in _REFUSED.items() for text in texts]
)
def test_26_what_cannot_be_is_refused(lake: Lake, tmp_path: Path, table: str, text: str) -> None:
    """A year that is not the date's, a time to come, a ratio of nothing: nothing of the file is stored."""
    with pytest.raises(InvalidInput):
        lake.load(table, text_file(tmp_path, "rows.csv", text))
    assert lake.sql(f"FROM {table}").is_empty()
