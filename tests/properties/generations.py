"""Random companies as a vendor serves them at several times, with the faults that vendors have.

Each kind of company has one difficulty. :func:`served` returns what one fetch of all companies brings;
:func:`true_caps` and :func:`true_revenues` return the right answers, which need no fetch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import polars as pl

from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.providers.records import frame_of
from tests.support import bar
from tests.unit.query.lake_builder import filing

__all__ = [
    "DAYS",
    "FETCHES",
    "KINDS",
    "Company",
    "companies",
    "filing_days",
    "served",
    "true_caps",
    "true_revenues",
]

KINDS = (
    "plain",
    "split_told",
    "split_moved",
    "split_retracted",
    "split_not_told",
    "revised",
    "half_yearly",
    "transition",
    "ticker_reused",
    "acceptance_lost",
)
FETCHES = [datetime(year, 6, 30, 22, tzinfo=UTC) for year in (2018, 2019, 2020, 2021)]
_ENDS = pl.date_range(date(2016, 3, 31), date(2021, 3, 31), "3mo", eager=True).dt.month_end().to_list()
DAYS: list[date] = pl.date_range(date(2016, 6, 30), date(2021, 6, 30), "29d", eager=True).to_list()
_DAYS_BETWEEN_FETCHES = 366
_GONE, _BACK = date(2018, 10, 31), date(2019, 3, 1)  # the reused ticker has no bars between


@dataclass(frozen=True)
class Company:
    """Hold one company's true history: figures by quarter, the day of its split, and its difficulty."""

    symbol: str
    kind: str
    ratio: tuple[int, int]
    split_day: date
    revenues: list[int] = field(repr=False)
    shares: list[int] = field(repr=False)
    delays: list[int] = field(repr=False)
    revised: int = 0

    @property
    def has_split(self) -> bool:
        """Return whether the number of shares changes on the split day."""
        return self.kind in ("split_told", "split_moved", "split_not_told")

    def has_false_split(self, day: date) -> bool:
        """Return whether the list of a day has a split that never was; the next list retracts it."""
        return self.kind == "split_retracted" and 0 <= (day - self.split_day).days < _DAYS_BETWEEN_FETCHES

    def splits_by(self, day: date) -> float:
        """Return the number of shares that one share of the beginning has become by a day."""
        return self.ratio[0] / self.ratio[1] if self.has_split and day >= self.split_day else 1.0


def companies(chance: Random) -> list[Company]:
    """Return one company of each kind."""
    return [_company(chance, kind) for kind in KINDS]


def _company(chance: Random, kind: str) -> Company:
    fetch = chance.choice(
        FETCHES[:-1]
    ).date()  # the split lies between two fetches, with reports on both sides
    return Company(
        symbol=kind.upper().replace("_", "")[:8],
        kind=kind,
        ratio=chance.choice([(2, 1), (4, 1), (3, 1), (1, 10), (20, 1), (1, 50)]),
        split_day=fetch + timedelta(days=chance.randint(100, 250)),
        revenues=[chance.randint(900, 1100) * 10**6 for _ in _ENDS],
        shares=[chance.randint(990, 1010) * 10**5 for _ in _ENDS],
        delays=[chance.randint(25, 70) for _ in _ENDS],
        revised=chance.randint(4, 8),
    )


def served(company: Company, fetched: datetime) -> Iterator[FetchResult]:
    """Yield what the vendor returns about a company at one time, by dataset."""
    day = fetched.date()
    quarterly, annual = _statements(company, day)
    yield _result("income", company, fetched, quarterly, "quarterly")
    yield _result("income", company, fetched, annual, "annual")
    yield _result("price", company, fetched, _bars(company, day), "full_history")
    if company.kind != "split_not_told":
        yield _result("split", company, fetched, _splits(company, day), "full_history")


def _statements(company: Company, day: date) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the quarterly and the annual statements that the vendor has on a day."""
    quarterly: list[dict[str, Any]] = []
    annual: list[dict[str, Any]] = []
    for number, end in enumerate(_ENDS):
        for label, months in _labels(company, number):
            record = _statement(company, day, number, label, months)
            if date.fromisoformat(record["fillingDate"]) <= day and number + 1 >= months // 3:
                (annual if label == "FY" else quarterly).append(record)
        if company.kind == "ticker_reused" and _GONE <= end < _BACK:
            quarterly = [r for r in quarterly if r["date"] != end.isoformat()]
    return quarterly, annual


def _labels(company: Company, number: int) -> list[tuple[str, int]]:
    """Return the labels and months of the reports of a period end."""
    month = _ENDS[number].month
    if company.kind == "half_yearly":
        return {6: [("Q2", 6)], 12: [("Q4", 6), ("FY", 12)]}.get(month, [])
    if company.kind == "transition":  # the fiscal year ends in June until 2018, then in December
        year_ends = _ENDS[number] in (date(2016, 6, 30), date(2017, 6, 30), date(2018, 6, 30)) or (
            month == 12 and _ENDS[number].year >= 2018
        )
        months = 6 if _ENDS[number] == date(2018, 12, 31) else 12
        return [(f"Q{month // 3}", 3), *([("FY", months)] if year_ends else [])]
    return [(f"Q{month // 3}", 3), *([("FY", 12)] if month == 12 else [])]


def _statement(company: Company, day: date, number: int, label: str, months: int) -> dict[str, Any]:
    end = _ENDS[number]
    filed = filing_days(company)[number]
    quarters = range(max(0, number + 1 - months // 3), number + 1)
    revenue = sum(company.revenues[q] for q in quarters)
    if company.kind == "revised" and number == company.revised and months == 3 and day >= date(2020, 1, 1):
        revenue *= 7
    shares = company.shares[number] * company.splits_by(day)
    accepted = ... if company.kind == "acceptance_lost" and day.year % 2 else f"{filed} 08:00:00"
    cik = "0000000222" if company.kind == "ticker_reused" and end >= _BACK else "0000000111"
    return filing(
        end.isoformat(),
        label,
        filed=filed.isoformat(),
        acceptedDate=accepted,
        symbol=company.symbol,
        cik=cik,
        revenue=revenue,
        netIncome=revenue // 10,
        eps=revenue / 10 / shares,
        weightedAverageShsOut=shares,
    )


def filing_days(company: Company) -> list[date]:
    """Return the days of the quarters' filings."""
    return [end + timedelta(days=delay) for end, delay in zip(_ENDS, company.delays, strict=True)]


def _bars(company: Company, day: date) -> list[dict[str, Any]]:
    """Return the bars up to a day; the vendor divides earlier ones by every split up to the day."""
    rows = []
    for number, traded in enumerate(DAYS):
        if traded > day or (company.kind == "ticker_reused" and _GONE < traded < _BACK):
            continue
        as_traded = (100 + number % 7) / company.splits_by(traded)
        close = as_traded * company.splits_by(traded) / company.splits_by(day)
        rows.append(bar(traded.isoformat(), close, unadjustedVolume=...))
    return rows[::-1]


def _splits(company: Company, day: date) -> list[dict[str, Any]]:
    listed_day = company.split_day
    listed = company.has_split and day >= listed_day
    if company.kind == "split_moved" and (day - listed_day).days < _DAYS_BETWEEN_FETCHES:
        listed_day += timedelta(days=3)  # corrected in the next fetch
    listed = listed or company.has_false_split(day)
    numerator, denominator = company.ratio
    row = {
        "date": listed_day.isoformat(),
        "symbol": company.symbol,
        "numerator": numerator,
        "denominator": denominator,
    }
    return [row] if listed else []


def _result(
    dataset: str, company: Company, fetched: datetime, records: list[dict[str, Any]], period: str
) -> FetchResult:
    name = f"{dataset} {company.symbol} {fetched.isoformat()} {period}"
    result = FetchResult(
        fetch_id=hashlib.sha256(name.encode()).hexdigest()[:32],
        dataset=dataset,
        symbol=company.symbol,
        fetched_at=fetched,
        provider="fmp",
        endpoint="generated",
        parameters="{}",
        records=None,
        period=period,
    )
    result.records = frame_of(records, result)
    return result


# --- the truth ---------------------------------------------------------------------------------------------


def true_caps(company: Company, day: date) -> set[float]:
    """Return the right market caps of a bar's day: two where a filing's hour on that day is unknown."""
    return {
        (100 + DAYS.index(day) % 7) * company.shares[number]  # splits change price and count alike
        for number in _newest_ends(company, day)
    }


def true_revenues(company: Company, day: date) -> set[int]:
    """Return the right revenues of the last twelve months, as first reported."""
    return {
        sum(company.revenues[number - 3 : number + 1]) for number in _newest_ends(company, day) if number >= 3
    }


def _newest_ends(company: Company, day: date) -> set[int]:
    """Return the newest period ends known on a day, by the filing date and by the day after it."""
    ends = set()
    for lag_days in (0, 1) if company.kind == "acceptance_lost" else (0,):
        known = [
            number
            for number, filed in enumerate(filing_days(company))
            if filed + timedelta(days=lag_days) <= day and _labels(company, number)
        ]
        ends |= set(known[-1:])
    return ends
