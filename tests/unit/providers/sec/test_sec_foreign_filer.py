"""A company that reports once a year under IFRS, from SEC's documents to the lake's answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from factorlab_lake.providers.sec.endpoints import facts_path, submissions_path
from tests.fakes.made_sec_facts import MadeFiling, Period, company_facts
from tests.fakes.sec_server import provider, serving

_CIK = "0000000001"
_FILED = {2019: "2020-04-15", 2020: "2021-04-20", 2021: "2022-04-19"}


def _year(year: int, revenue: float) -> dict[Period, dict[str, float]]:
    flows = {
        "Revenue": revenue,
        "ProfitLoss": revenue / 8,
        "ProfitLossAttributableToOwnersOfParent": revenue / 10,
        "IncomeTaxExpenseContinuingOperations": revenue / 20,
        "BasicEarningsLossPerShare": revenue / 10 / 50e6,
        "CashFlowsFromUsedInOperatingActivities": revenue / 5,
    }
    balances = {
        "Assets": 3 * revenue,
        "Equity": revenue,
        "EquityAttributableToOwnersOfParent": 0.9 * revenue,
        "NumberOfSharesOutstanding": 50e6,
    }
    return {(f"{year}-01-01", f"{year}-12-31"): flows, (None, f"{year}-12-31"): balances}


def _report(year: int, revenue: float, *, form: str = "20-F", before: float | None = None) -> MadeFiling:
    values = _year(year, revenue) | ({} if before is None else _year(year - 1, before))
    cover = {f"{year + 1}-03-31": 51e6}
    return MadeFiling(year, form, _FILED[year], values, cover, "EUR", "ifrs-full")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake with three annual reports and an amendment; the second report restates a year."""
    amended = MadeFiling(9, "20-F/A", "2021-06-01", cover={"2021-05-25": 52e6})
    filings = [
        _report(2019, 100e6),
        _report(2020, 120e6, before=90e6),
        amended,
        _report(2021, 130e6, before=120e6),
    ]
    facts = company_facts(*filings)
    revenue = facts["facts"]["ifrs-full"]["Revenue"]["units"]
    revenue["USD"] = [{**fact, "val": fact["val"] * 1.2} for fact in revenue["EUR"]]
    listed = {
        "accessionNumber": [f.accession for f in filings],
        "filingDate": [f.filed for f in filings],
        "form": [f.form for f in filings],
        "acceptanceDateTime": [f"{f.filed}T10:30:00.000Z" for f in filings],
        "reportDate": ["2019-12-31", "2020-12-31", "2020-12-31", "2021-12-31"],
    }
    company = {
        "cik": _CIK,
        "name": "Made SE",
        "tickers": ["MADE"],
        "exchanges": ["NYSE"],
        "sic": "3571",
        "filings": {"recent": {n: v[::-1] for n, v in listed.items()}, "files": []},
    }
    documents = {
        facts_path(_CIK): json.dumps(facts).encode(),
        submissions_path(_CIK): json.dumps(company).encode(),
    }
    lake = fl.open(Path(tmp_path_factory.mktemp("ifrs")) / "lake")
    with serving(documents) as server, provider(server) as sec:
        assert lake.fetch(sec, ["MADE"], kinds=["statements", "shares", "profiles"]).failures == []
    return lake


def test_years_in_the_own_currency_with_their_restatement(lake: Lake) -> None:
    """All rows are of whole years; a year that the next report restates has two versions."""
    rows = lake.sql(
        "SELECT fiscal_date::VARCHAR AS day, fiscal_period, version, revenue, net_income, gross_profit, "
        "reported_currency "
        "FROM income_statements ORDER BY fiscal_date, version"
    ).rows()
    assert rows == [
        ("2019-12-31", "FY", 1, 100e6, 10e6, None, "EUR"),
        ("2019-12-31", "FY", 2, 90e6, 9e6, None, "EUR"),
        ("2020-12-31", "FY", 1, 120e6, 12e6, None, "EUR"),
        ("2021-12-31", "FY", 1, 130e6, 13e6, None, "EUR"),
    ]


def test_trailing_years_are_the_years_own(lake: Lake) -> None:
    """A year's row answers from its acceptance until the next report, or until it is stale."""
    days = ["2020-04-14", "2020-04-16", "2021-04-19", "2021-04-21", "2023-12-31"]
    revenue = lake.ttm("MADE", days)["revenue"].to_list()
    assert revenue == [None, 100e6, 100e6, 120e6, None]


def test_counts_come_from_each_cover_page_and_balance_sheet(lake: Lake) -> None:
    """The amendment's cover page counts as well."""
    rows = lake.sql("SELECT source, as_of_date::VARCHAR, shares FROM shares_outstanding ORDER BY ALL").rows()
    assert ("cover_page", "2021-05-25", 52e6) in rows
    assert [row for row in rows if row[0] == "balance_sheet"] == [
        ("balance_sheet", f"{year}-12-31", 50e6) for year in (2019, 2020, 2021)
    ]
