"""Test the kinds of versions within one filing, and the day on which a content was first seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.support import answer, income, landed

# Ten amounts in millions, so that a statement shows the unit to which it is rounded.
FULL: dict[str, Any] = {
    "revenue": 1_000_000_000,
    "costOfRevenue": 600_000_000,
    "grossProfit": 400_000_000,
    "researchAndDevelopmentExpenses": 50_000_000,
    "operatingExpenses": 150_000_000,
    "operatingIncome": 250_000_000,
    "incomeBeforeTax": 240_000_000,
    "incomeTaxExpense": 40_000_000,
    "netIncome": 200_000_000,
    "interestExpense": 10_000_000,
    "fillingDate": "2019-10-31",
    "acceptedDate": "2019-10-30 18:00:00",
}
FIRST, SECOND, THIRD = (datetime(year, 12, 31, 22, tzinfo=UTC) for year in (2019, 2020, 2021))


def kinds(*contents: dict[str, Any], at: tuple[datetime, ...] = (FIRST, SECOND, THIRD)) -> list[Any]:
    """Return kind and first day seen of the versions of one quarter, as served at successive fetches."""
    answers = [
        answer("income", [income("2019-09-28", **(FULL | content))], at=moment, endpoint=str(moment))
        for moment, content in zip(at, contents, strict=False)
    ]
    rows = landed(answers)["income_statements"].sort("version")
    return rows.select("change_kind", "first_seen_date").rows()


ORIGINAL = ("original", None)


def test_another_core_item_of_the_same_filing_counts_from_the_day_it_was_first_seen() -> None:
    """The first fetch proves that the provider did not serve 7 bn before the second."""
    assert kinds({}, {"revenue": 7_000_000_000}) == [ORIGINAL, ("vendor_revision", date(2020, 12, 31))]


@pytest.mark.parametrize("stamp", ["2019-10-30 18:00:01", "2019-10-30 23:00:00", "2019-10-31 04:00:00"])
def test_a_moved_acceptance_of_one_filing_makes_no_restatement(stamp: str) -> None:
    """Vendors shift the stamp of one filing by seconds or hours: it stays the same filing."""
    revision = ("vendor_revision", date(2020, 12, 31))
    assert kinds({}, {"revenue": 7_000_000_000, "acceptedDate": stamp}) == [ORIGINAL, revision]
    assert kinds({}, {"acceptedDate": stamp}) == [ORIGINAL]


def test_another_filing_is_a_restatement_that_counts_from_its_acceptance() -> None:
    """The amendment was accepted after the first fetch, so that fetch proves nothing against it."""
    amended = {"revenue": 7_000_000_000, "fillingDate": "2020-03-02", "acceptedDate": "2020-03-02 17:00:00"}
    assert kinds({}, amended) == [ORIGINAL, ("restatement", None)]


def test_a_restatement_that_a_fetch_contradicts_counts_from_the_day_it_was_first_seen() -> None:
    """The second fetch served the old figures a year after the amendment: the provider did not have it."""
    amended = {"revenue": 7_000_000_000, "fillingDate": "2020-03-02", "acceptedDate": "2020-03-02 17:00:00"}
    assert kinds({}, {}, amended) == [ORIGINAL, ("restatement", date(2021, 12, 31))]


def test_two_accession_numbers_of_one_day_are_two_filings() -> None:
    """A 10-K and its 10-K/A can be filed within three days."""
    of: list[dict[str, Any]] = [
        {"link": f"https://www.sec.gov/Archives/edgar/data/1/{number}-index.htm"}
        for number in ("0000000001-19-000001", "0000000001-19-000002")
    ]
    other = {"revenue": 7_000_000_000, "fillingDate": "2019-11-01", "acceptedDate": "2019-11-01 17:00:00"}
    early = (datetime(2019, 10, 31, 22, tzinfo=UTC), SECOND)
    assert kinds(of[0], of[1] | other, at=early) == [ORIGINAL, ("restatement", None)]
    assert kinds(of[0], of[0] | other, at=early) == [ORIGINAL, ("vendor_revision", date(2020, 12, 31))]


def test_values_where_there_were_none_are_a_completion() -> None:
    """Nothing is contradicted: not by an item that was missing, nor by the rounding to millions."""
    assert kinds({"interestExpense": None}, {}) == [ORIGINAL, ("completion", None)]
    assert kinds({}, {"ebitda": 300_000_000, "revenue": 1_000_400_000}) == [ORIGINAL, ("completion", None)]
    assert kinds({"acceptedDate": None}, {}) == [ORIGINAL, ("completion", None)]


def test_a_figure_beyond_the_rounding_is_no_completion() -> None:
    """Added items do not excuse a revenue that moved by more than a million."""
    moved = {"ebitda": 300_000_000, "revenue": 1_002_000_000}
    assert kinds({}, moved) == [ORIGINAL, ("vendor_revision", date(2020, 12, 31))]


def test_a_completion_of_a_revision_counts_from_the_day_of_the_revision() -> None:
    """It contains the figures that were not served before."""
    revised = {"revenue": 7_000_000_000}
    day = date(2020, 12, 31)
    assert kinds({}, revised, revised | {"ebitda": 300_000_000}) == [
        ORIGINAL, ("vendor_revision", day), ("completion", day),
    ]  # fmt: skip


def test_a_side_item_of_another_api_generation_is_a_remap() -> None:
    """Each generation of an API has its own side items; a core item that moves is a revision in any."""
    stable: dict[str, Any] = {
        "calendarYear": ..., "fiscalYear": "2019", "fillingDate": ..., "filingDate": "2019-10-31",
        "epsdiluted": ..., "epsDiluted": 0.73,
    }  # fmt: skip
    assert kinds({}, stable | {"interestExpense": 30_000_000}) == [ORIGINAL, ("remap", None)]
    assert kinds({}, stable | {"revenue": 7_000_000_000}) == [
        ORIGINAL, ("vendor_revision", date(2020, 12, 31)),
    ]  # fmt: skip
    assert kinds({}, {"interestExpense": 30_000_000}) == [ORIGINAL, ("vendor_revision", date(2020, 12, 31))]


def test_another_version_of_a_providers_mapping_is_a_remap() -> None:
    """A provider with a mapping of its own names the version of the mapping."""
    answers = [
        replace(answer("income", [income("2019-09-28", **(FULL | more))], at=at), mapping=mapping)
        for at, mapping, more in ((FIRST, "1", {}), (SECOND, "2", {"interestExpense": 30_000_000}))
    ]
    rows = landed(answers)["income_statements"].sort("version")
    assert rows.select("mapping", "change_kind").rows() == [("1", "original"), ("2", "remap")]


def test_a_copy_without_acceptance_is_available_as_its_filing() -> None:
    """The later copy has neither acceptance nor filing date: it is of the filing that was served before."""
    lost = {"acceptedDate": None, "fillingDate": None, "ebitda": 300_000_000}
    answers = [
        answer("income", [income("2019-09-28", **(FULL | more))], at=at)
        for at, more in ((FIRST, {}), (SECOND, lost))
    ]
    rows = landed(answers)["income_statements"].sort("version")
    assert rows["available_date"].to_list() == [date(2019, 10, 31)] * 2
    assert rows["availability_basis"].to_list() == ["accepted", "accepted"]


@pytest.mark.parametrize("moved", [("2019-09-30", "Q4"), ("2019-09-28", "Q3"), ("2019-09-25", "Q4")])
def test_a_moved_end_or_label_makes_no_second_period(moved: tuple[str, str]) -> None:
    """Rows whose ends are within a week are versions of one period, numbered together."""
    answers = [
        answer("income", [income("2019-09-28", "Q4", **FULL)], at=FIRST),
        answer("income", [income(*moved, **FULL, ebitda=300_000_000)], at=SECOND),
    ]
    rows = landed(answers)["income_statements"].sort("version")
    assert rows.select("version", "change_kind", "period_end").rows() == [
        (1, "original", date(2019, 9, 28)), (2, "completion", date(2019, 9, 28)),
    ]  # fmt: skip


@pytest.mark.parametrize("other", [("2019-10-06", "Q4"), ("2019-09-28", "FY")])
def test_a_period_eight_days_away_or_of_another_length_is_another_period(other: tuple[str, str]) -> None:
    """Neighbouring periods are not joined."""
    answers = [
        answer("income", [income("2019-09-28", "Q4", **FULL)], at=FIRST),
        answer("income", [income(*other, **(FULL | {"fillingDate": "2019-11-30"}), ebitda=1)], at=SECOND),
    ]
    rows = landed(answers)["income_statements"]
    assert rows["version"].to_list() == [1, 1]
