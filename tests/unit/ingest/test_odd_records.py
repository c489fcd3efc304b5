"""Test odd records as caches of the field have them: each costs a value at most, never its statement."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.lake import Lake
from tests.support import Entry, arrive, bar, income, migrate

_QUARTERS = [("2023-03-31", "Q1"), ("2023-06-30", "Q2"), ("2023-09-30", "Q3"), ("2023-12-31", "Q4")]
_AT = datetime(2024, 6, 1, 12, tzinfo=UTC)
_ACCEPTED = {
    "2023-03-31": "2023-05-02",
    "2023-06-30": "2023-08-02",
    "2023-09-30": "2023-11-02",
    "2023-12-31": "2024-02-02",
}


def _quarters(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Return four quarters of 1, 2, 3 and 4 billion of revenue; ``changes`` are by period."""
    return [
        income(
            day,
            period,
            fillingDate=_ACCEPTED[day],
            acceptedDate=f"{_ACCEPTED[day]} 16:30:00",
            calendarYear="2023",
            revenue=number * 1e9,
        )
        | changes.get(period, {})
        for number, (day, period) in enumerate(_QUARTERS, start=1)
    ]


def _ttm(lake: Lake) -> float | None:
    revenue: float | None = lake.ttm("AAPL", "2024-05-01")["revenue"].item()
    return revenue


@pytest.mark.parametrize(
    "bad",
    [
        {"acceptedDate": "0000-00-00 00:00:00", "fillingDate": "0000-00-00"},
        {"grossProfitRatio": float("inf")},
        {"sellingGeneralAndAdministrativeExpenses": "-", "otherExpenses": "None", "ebitda": "N/A"},
        {"revenue": "3,000,000,000"},
        {"calendarYear": "N/A"},
        {"epsdiluted": [1]},
    ],
    ids=str,
)
def test_a_bad_value_costs_no_quarter(lake: Lake, tmp_path: Path, bad: dict[str, Any]) -> None:
    """The trailing year of 1, 2, 3 and 4 billion is 10 billion, whatever one side item says."""
    arrive(lake, tmp_path, Entry("AAPL", "income", _quarters(Q3=bad), _AT))
    assert _ttm(lake) == 10e9
    assert lake.sql("SELECT * FROM rejected_records").is_empty()


def test_the_texts_of_bad_values_remain(lake: Lake, tmp_path: Path) -> None:
    """What could not be read is in `extra`, under the name and in the form that the provider gave it."""
    bad = {"grossProfitRatio": float("inf"), "otherExpenses": "-", "acceptedDate": "0000-00-00"}
    arrive(lake, tmp_path, Entry("AAPL", "income", _quarters(Q3=bad), _AT))
    row = lake.sql("SELECT * FROM income_statements WHERE fiscal_period = 'Q3'").row(0, named=True)
    assert json.loads(row["extra"]) == bad | {"grossProfitRatio": "Infinity"}
    assert (row["gross_profit_ratio"], row["other_expenses"], row["accepted_at"]) == (None, None, None)
    assert (row["availability_basis"], row["available_date"].isoformat()) == ("filing_date", "2023-11-03")


def test_a_cache_with_bad_values_validates(lake: Lake, tmp_path: Path) -> None:
    """A value whose text is in `extra` is not lost, so the comparison with the cache finds nothing."""
    bad = {"grossProfitRatio": float("inf"), "otherExpenses": "-", "acceptedDate": "0000-00-00"}
    Entry("AAPL", "income", _quarters(Q3=bad), _AT).write(tmp_path / "cache")
    assert lake.migrate(tmp_path / "cache").clean
    assert lake.validate(tmp_path / "cache").clean


@pytest.mark.parametrize(("cost", "margin"), [(0.0, None), (1e9, 0.0)])
def test_gross_profit_and_cost_of_zero_were_not_reported(
    lake: Lake, tmp_path: Path, cost: float, margin: float | None
) -> None:
    """Revenue less costs of 0 is no gross profit of 0; a gross profit of 0 beside real costs is one."""
    zero = {"grossProfit": 0.0, "costOfRevenue": cost}
    changes = {period: zero for _, period in _QUARTERS}
    arrive(lake, tmp_path, Entry("AAPL", "income", _quarters(**changes), _AT))
    assert lake.factors("AAPL", "2024-05-01")["gross_margin"].item() == margin
    assert lake.sql("SELECT gross_profit FROM income_statements")["gross_profit"].to_list() == [0.0] * 4


def test_bars_and_statements_of_a_lower_case_request_are_one_symbol(lake: Lake, tmp_path: Path) -> None:
    """The files of `aapl` and the records of AAPL are of one symbol."""
    entries = [
        Entry("aapl", "price", [bar("2024-04-30", 100.0)], _AT),
        Entry("AAPL", "income", _quarters(), _AT),
    ]
    arrive(lake, tmp_path, *entries)
    assert lake.held_symbols() == ["AAPL"]
    assert lake.fetch_log()["symbol"].unique().to_list() == ["AAPL"]


def test_a_currency_in_small_letters_is_the_same_currency(lake: Lake, tmp_path: Path) -> None:
    """A quarter in "usd" beside those in USD made the sum NULL; its text stays, and equals the cache."""
    migrate(lake, tmp_path, Entry("AAPL", "income", _quarters(Q3={"reportedCurrency": "usd"}), _AT))
    assert _ttm(lake) == 10e9
    rows = lake.sql("SELECT reported_currency, extra FROM income_statements ORDER BY fiscal_period")
    assert rows["reported_currency"].to_list() == ["USD"] * 4
    texts = [text and json.loads(text).get("reportedCurrency") for text in rows["extra"]]
    assert texts == [None, None, "usd", None]
    assert lake.sql("SELECT * FROM rejected_records").is_empty()
    assert lake.validate(tmp_path / "cache0").clean
