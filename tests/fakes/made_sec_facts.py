"""Make the documents of a company from a few figures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Values by tag of one period: (start, end), or (None, day) for a day.
Period = tuple[str | None, str]
_PER_SHARE, _SHARES = "EarningsPerShare", ("Shares", "NumberOf")


@dataclass(frozen=True)
class MadeFiling:
    """Describe a filing: its number, form, filing date, and values by period and tag.

    Amounts are in ``currency``; ``cover`` has the shares of the cover page by day.
    """

    number: int
    form: str
    filed: str
    values: Mapping[Period, Mapping[str, float]] = field(default_factory=dict)
    cover: Mapping[str, float] = field(default_factory=dict)
    currency: str = "USD"
    taxonomy: str = "us-gaap"

    @property
    def accession(self) -> str:
        """Return the accession number."""
        return f"0000000001-{self.filed[2:4]}-{self.number:06d}"

    def _facts(self) -> Iterable[tuple[str, str, str, dict[str, Any]]]:
        labels = {"accn": self.accession, "form": self.form, "filed": self.filed, "fy": None, "fp": None}
        for (start, end), values in self.values.items():
            for tag, value in values.items():
                period = {"end": end} if start is None else {"start": start, "end": end}
                yield self.taxonomy, tag, self._unit(tag), {**period, "val": value, **labels}
        for day, shares in self.cover.items():
            tag = "EntityCommonStockSharesOutstanding"
            yield "dei", tag, "shares", {"end": day, "val": shares, **labels}

    def _unit(self, tag: str) -> str:
        if _PER_SHARE in tag:
            return f"{self.currency}/shares"
        return "shares" if any(part in tag for part in _SHARES) else self.currency


def company_facts(*filings: MadeFiling) -> dict[str, Any]:
    """Return the facts of some filings as SEC serves them."""
    facts: dict[str, Any] = {}
    for filing in filings:
        for taxonomy, tag, unit, fact in filing._facts():
            concept = facts.setdefault(taxonomy, {}).setdefault(tag, {"label": None, "units": {}})
            concept["units"].setdefault(unit, []).append(fact)
    return {"cik": 1, "entityName": "Made Inc.", "facts": facts}


def submissions(*filings: MadeFiling, cik: int = 1, symbol: str = "MADE") -> dict[str, Any]:
    """Return the submissions of some filings as SEC serves them, each accepted at 16:30 in New York."""
    columns = {
        "accessionNumber": [filing.accession for filing in filings],
        "filingDate": [filing.filed for filing in filings],
        "reportDate": [max((end for _, end in filing.values), default="") for filing in filings],
        "acceptanceDateTime": [f"{filing.filed}T16:30:00.000Z" for filing in filings],
        "form": [filing.form for filing in filings],
        "isXBRL": [1] * len(filings),
        "primaryDocument": ["report.htm"] * len(filings),
    }
    return {
        "cik": str(cik),
        "name": f"Made {symbol}",
        "sic": "3571",
        "tickers": [symbol],
        "exchanges": ["NYSE"],
        "addresses": {"business": {"stateOrCountry": "CA"}},
        "filings": {"recent": columns, "files": []},
    }


def quarterly_reports() -> list[MadeFiling]:
    """Return three quarterly reports of 2020, with statements and a count on each cover page."""
    ends = [("2020-01-01", "2020-03-31"), ("2020-04-01", "2020-06-30"), ("2020-07-01", "2020-09-30")]
    filed = ["2020-05-01", "2020-08-03", "2020-11-02"]
    flow = {"Revenues": 9_000_000, "NetIncomeLoss": 1_000_000, "EarningsPerShareBasic": 1.0}
    year_to_date = {"NetCashProvidedByUsedInOperatingActivities": 2_000_000, "NetIncomeLoss": 1_000_000}
    return [
        MadeFiling(
            number,
            "10-Q",
            day,
            {
                (start, end): flow,
                ("2020-01-01", end): flow | year_to_date if number == 1 else year_to_date,
                (None, end): {"Assets": 50_000_000, "StockholdersEquity": 20_000_000},
            },
            {f"{end[:8]}30": 1_000_000},
        )
        for number, ((start, end), day) in enumerate(zip(ends, filed, strict=True), start=1)
    ]


def company_documents(cik: int, symbol: str) -> dict[str, Any]:
    """Return submissions and facts of a company with three reports, by path and not yet as bytes."""
    filings = quarterly_reports()
    facts = json.loads(json.dumps(company_facts(*filings) | {"cik": cik}))
    return {
        f"submissions/CIK{cik:010d}.json": submissions(*filings, cik=cik, symbol=symbol),
        f"api/xbrl/companyfacts/CIK{cik:010d}.json": facts,
    }
