"""Test the statements and share counts that SEC's sample gives, against the independent computation."""

from __future__ import annotations

from collections import Counter
from datetime import date
from functools import cache
from typing import Any

import pytest

from factorlab_lake.providers.sec.parse import Reports, count_records, reports, statement_records
from factorlab_lake.providers.sec.submissions import filings
from factorlab_lake.schema import STATEMENT_TYPES
from tests.fakes.sec_documents import CIK, facts_of, reports_in_order, sample
from tests.sec_rows import apple

# Zeros of items that no tag of the filing is about; the independent computation has none. Net debt follows.
_CERTAIN_ZEROS = {
    "balance_sheet": {"short_term_debt", "long_term_debt", "total_debt"},
    "cash_flow": {
        "dividends_paid", "common_stock_repurchased", "common_stock_issued", "debt_repayment",
        "acquisitions_net",
    },
}  # fmt: skip
_OF_FILING = ("filing_date", "accession", "form")


@cache
def _reports() -> Reports:
    return reports(CIK, sample("companyfacts"), filings([sample("submissions")]))


@cache
def _records(statement_type: str) -> tuple[dict[str, Any], ...]:
    result = _reports()
    both = (statement_records(result, statement_type, annual=annual) for annual in (True, False))
    return tuple(record for records in both for record in records)


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["fiscal_date"], row["fiscal_period"], row["accession"]


@pytest.mark.parametrize(
    ("statement_type", "rows"), [("income", 124), ("balance_sheet", 73), ("cash_flow", 82)]
)
def test_every_value_of_every_version_is_as_computed_independently(statement_type: str, rows: int) -> None:
    """Periods, labels, years, currency, filing and all items are equal; only certain zeros are more."""
    expected = {_key(r): r for r in apple()["rows"] if r["statement_type"] == statement_type}
    records = {_key(r): r for r in _records(statement_type)}
    assert (len(expected), records.keys()) == (rows, expected.keys())
    for key, row in expected.items():
        record = records[key]
        assert {n: record[n] for n in _OF_FILING} == {n: row[n] for n in _OF_FILING}
        assert (record["fiscal_year"], record["reported_currency"]) == (row["fiscal_year"], row["currency"])
        assert {item: record.get(item) for item in row["row"]} == pytest.approx(row["row"])
        more = _items_of(record, statement_type) - row["row"].keys()
        zeros = _CERTAIN_ZEROS.get(statement_type, set())
        assert more - {"net_debt"} <= zeros
        assert all(record[item] == 0 for item in more - {"net_debt"})


def _items_of(record: dict[str, Any], statement_type: str) -> set[str]:
    known = {item for r in apple()["rows"] if r["statement_type"] == statement_type for item in r["row"]}
    return {name for name in record if name in known | _CERTAIN_ZEROS.get(statement_type, set())}


def test_a_cash_flow_without_a_tag_of_dividends_has_none() -> None:
    """Apple paid its first dividend in 2012: before, the item is 0; without debt, net debt is less cash."""
    years = {r["fiscal_year"]: r for r in _records("cash_flow") if r["fiscal_period"] == "FY"}
    assert (years[2010]["dividends_paid"], years[2019]["dividends_paid"]) == (0, -14_119e6)
    sheet = next(r for r in _records("balance_sheet") if r["fiscal_date"] == "2009-06-27")
    assert (sheet["total_debt"], sheet["net_debt"]) == (0, -sheet["cash_and_cash_equivalents"])


def _of(statement_type: str, end: str, label: str) -> list[dict[str, Any]]:
    return [r for r in _records(statement_type) if (r["fiscal_date"], r["fiscal_period"]) == (end, label)]


def test_versions_are_of_the_filings_that_published_them() -> None:
    """Each version has the filing that published it, such as the 10-K/A of 2010 for fiscal 2009."""
    revenue = [
        (r["filing_date"], r["revenue"], r["net_income"], r["eps"]) for r in _of("income", "2009-09-26", "FY")
    ]
    assert revenue == [("2009-10-27", 36_537e6, 5_704e6, 6.39), ("2010-01-25", 42_905e6, 8_235e6, 9.22)]
    flows = [(r["filing_date"], r["operating_cash_flow"]) for r in _of("cash_flow", "2017-09-30", "FY")]
    assert flows == [("2017-11-03", 63_598e6), ("2018-11-05", 64_225e6)]
    sheets = [(r["form"], r["total_current_liabilities"]) for r in _of("balance_sheet", "2018-09-29", "FY")]
    assert sheets == [("10-K", 116_866e6), ("10-Q", 115_929e6)]


def test_figures_are_as_filed_on_the_split_basis_of_their_acceptance() -> None:
    """The year has shares after the split of August 2020, and its nine months have those before."""
    (year,), (months,) = _of("income", "2020-09-26", "FY")[:1], _of("income", "2020-06-27", "9M")[:1]
    assert (year["accepted_at"], year["split_basis_date"]) == ("2020-10-29 18:06:25", "2020-10-29")
    assert (year["revenue"] - months["revenue"]) == 64_698e6
    counts = [r["weighted_average_shares_outstanding"] for r in (year, months)]
    assert counts == [17_352_119_000, 4_362_571_000]


def test_debt_and_flows_of_2020() -> None:
    """Commercial paper is debt; free cash flow is after capital expenditure; dividends are negative."""
    (sheet,), (flow,) = _of("balance_sheet", "2020-09-26", "FY"), _of("cash_flow", "2020-06-27", "9M")
    debt = [sheet[item] for item in ("short_term_debt", "long_term_debt", "total_debt", "total_assets")]
    assert debt == [13_769e6, 98_667e6, 112_436e6, 323_888e6]
    assert (flow["free_cash_flow"], flow["dividends_paid"]) == (54_573e6, -10_570e6)


def test_share_counts_are_as_computed_independently() -> None:
    """67 counts of cover pages, 69 of balance sheets with two restated for splits, each on its own basis."""
    records, refused = count_records(_reports())
    names = ("source", "as_of_date", "shares", "split_basis_date", "accession", "filing_date")
    assert sorted(tuple(r[n] for n in names) for r in records) == sorted(
        tuple(c[n] for n in names) for c in apple()["shares"]
    )
    assert Counter(r["source"] for r in records) == {"cover_page": 67, "balance_sheet": 69}
    restated = [(r["filing_date"], r["shares"]) for r in records if r["as_of_date"] == "2019-09-28"]
    assert restated == [("2019-10-31", 4_443_236_000), ("2020-10-30", 17_772_945_000)]
    assert [(position, reason) for position, reason, _ in refused] == [
        (136, "scale: cover page says 861381000"),
        (137, "scale: cover page says 861381000"),
    ]


def test_since_leaves_out_periods_and_keeps_their_versions() -> None:
    """A start cuts the records after the versions were made: a restated period has both."""
    result = _reports()
    some = statement_records(result, "income", annual=True, since=date(2019, 1, 1))
    assert some == [
        r for r in statement_records(result, "income", annual=True) if r["fiscal_date"] >= "2019-01-01"
    ]


def test_a_later_filing_changes_nothing_that_was_said_before() -> None:
    """The facts of the first filings alone give the records that these filings have in the full history."""
    order, known = list(reports_in_order()), filings([sample("submissions")])
    for cut in range(1, len(order), 9):
        accessions = set(order[:cut])
        result = reports(CIK, facts_of(accessions), known)
        for statement_type in STATEMENT_TYPES:
            full = [r for r in _records(statement_type) if r["accession"] in accessions]
            both = [r for a in (True, False) for r in statement_records(result, statement_type, annual=a)]
            assert both == full
        counts = [r for r in count_records(_reports())[0] if r["accession"] in accessions]
        assert count_records(result)[0] == counts
