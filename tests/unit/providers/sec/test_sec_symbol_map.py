"""A symbol that several companies used, one after the other, takes each company's own reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.fakes.made_sec_facts import MadeFiling, company_facts
from tests.fakes.sec_server import FakeSec, provider, serving

_OLD, _NEW, _OTHER = "0000000011", "0000000012", "0000000013"
_AGAIN = fl.FetchPolicy(polling_days=0, restatement_days=0, refresh_days=0)
# The revenue of a company's year tells the company: 11 and the year, 12 and the year.
_ROWS = (
    "SELECT fiscal_year, cik, min(revenue)::BIGINT AS revenue FROM income_statements "
    "WHERE symbol = 'X' GROUP BY ALL ORDER BY ALL"
)


def _documents(cik: str, years: range, ticker: str | None) -> dict[str, bytes]:
    """Return a company with one annual report for each year, which also has the year before."""
    reports = [
        MadeFiling(
            int(cik) * 1000 + year - 1990,
            "10-K",
            f"{year + 1}-02-20",
            {
                (f"{each}-01-01", f"{each}-12-31"): {
                    "NetIncomeLoss": each,
                    "Revenues": int(cik) * 10_000 + each,
                    "IncomeTaxExpenseBenefit": 1,
                }
                for each in (year, year - 1)
            },
            {f"{year + 1}-01-31": int(cik) * 1e6 + year},
        )
        for year in years
    ]
    filed = {
        "accessionNumber": [each.accession for each in reports],
        "filingDate": [each.filed for each in reports],
        "reportDate": [f"{int(each.filed[:4]) - 1}-12-31" for each in reports],
        "form": [each.form for each in reports],
        "acceptanceDateTime": [f"{each.filed}T16:05:00.000Z" for each in reports],
    }
    main = {
        "cik": cik,
        "name": f"Company {cik}",
        "tickers": [ticker] if ticker else [],
        "exchanges": ["NYSE"],
        "filings": {"recent": filed, "files": []},
    }
    facts = {**company_facts(*reports), "cik": int(cik)}
    return {
        f"submissions/CIK{cik}.json": json.dumps(main).encode(),
        f"api/xbrl/companyfacts/CIK{cik}.json": json.dumps(facts).encode(),
    }


@pytest.fixture
def server() -> Iterator[FakeSec]:
    """Start a server with a delisted company, the one that has its symbol today, and a third one."""
    documents = _documents(_OLD, range(2005, 2014), None) | _documents(_NEW, range(2008, 2016), "X")
    with serving(documents | _documents(_OTHER, range(2012, 2014), "Z")) as fake:
        yield fake


def _mapped(path: Path, *rows: tuple[str, str, str | None]) -> Lake:
    """Return a lake with a file's map of the symbol X: company, first day, and first day after it."""
    lake = fl.open(path / "lake")
    file = path / "map.csv"
    lines = [f"X,{company},{first},{end or ''}" for company, first, end in rows]
    file.write_text("\n".join(["symbol,company_id,valid_from,valid_to", *lines]) + "\n")
    assert lake.load("symbol_history", file) == len(rows)
    return lake


def test_a_reused_symbol_has_each_company_in_its_time(server: FakeSec, tmp_path: Path) -> None:
    """The old company's reports end with its use, and the new one's begin after it."""
    lake = _mapped(tmp_path, (_OLD, "1999-01-01", "2011-06-30"), (_NEW, "2012-01-01", None))
    with provider(server) as sec:
        report = lake.fetch(sec, "X", kinds=["statements", "shares", "profiles"])
        assert report.failures == []
        rows = lake.sql(_ROWS).rows()
        assert rows == [
            *((year, _OLD, 110_000 + year) for year in range(2004, 2011)),
            *((year, _NEW, 120_000 + year) for year in range(2011, 2016)),
        ]
        assert lake.sql("SELECT cik FROM company_profiles").rows() == [(_NEW,)]
        counts = lake.sql("SELECT shares::BIGINT // 1000000 FROM shares_outstanding ORDER BY as_of_date")
        assert counts.to_series().to_list() == [11] * 6 + [12] * 5
        again = lake.fetch(sec, "X", kinds=["statements"], policy=_AGAIN)
        assert {reason for *_, reason in again.short} == {"no new report"}
        assert again.new == {}
    companies = lake.ttm("X", ["2010-12-31", "2013-12-31"])
    assert companies["revenue"].to_list() == [112_009, 122_012]


def test_a_map_that_ends_goes_on_with_the_listed_company(server: FakeSec, tmp_path: Path) -> None:
    """A map of the old company alone adds its reports to those of the company that SEC lists today."""
    lake = _mapped(tmp_path, (f"CIK{_OLD}", "1999-01-01", "2011-06-30"))
    with provider(server) as sec:
        lake.fetch(sec, "X", kinds=["statements"])
    years = lake.sql("SELECT cik, count(DISTINCT fiscal_year) AS n FROM income_statements GROUP BY 1").rows()
    assert dict(years) == {_OLD: 7, _NEW: 5}


def test_a_map_of_one_company_is_stronger_than_the_list(server: FakeSec, tmp_path: Path) -> None:
    """A use that lasts names the company, whatever SEC lists; other symbols are looked up."""
    lake = _mapped(tmp_path, (_OLD, "1999-01-01", None))
    with provider(server) as sec:
        lake.fetch(sec, ["X", "Z"], kinds=["statements"])
    rows = lake.sql("SELECT DISTINCT symbol, cik FROM income_statements ORDER BY 1").rows()
    assert rows == [("X", _OLD), ("Z", _OTHER)]


def test_a_company_without_reports_takes_no_day(server: FakeSec, tmp_path: Path) -> None:
    """A fund that used the symbol for a time hides no report of the company that has it now."""
    lake = _mapped(tmp_path, ("some-fund", "2010-01-01", "2011-12-31"), (_NEW, "2012-01-01", None))
    with provider(server) as sec:
        lake.fetch(sec, "X", kinds=["statements"])
    rows = lake.sql(_ROWS).rows()
    assert rows == [(year, _NEW, 120_000 + year) for year in range(2007, 2016)]
