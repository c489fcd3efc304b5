"""Make random companies whose true figures are known, and what a vendor shows of them in three fetches.

Each company has one kind of trouble. The oracle knows the truth; a lake only sees the vendor's records.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.lake import Lake
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.providers.records import frame_of
from tests.oracle.counts import factor
from tests.oracle.days import MONTHS, months_before
from tests.support import writing

__all__ = ["FETCHES", "KINDS", "SECOND_COMPANY", "Company", "Report", "companies", "served", "show"]

FETCHES = [datetime(year, 12, 31, 22, tzinfo=UTC) for year in (2019, 2020, 2021)]
KINDS = (
    "plain", "cumulative", "without_q4", "half_yearly", "yearly", "missing_acceptance", "filing_date_only",
    "vendor_revision", "restated", "late_restatement", "split_listed", "split_moved", "split_unlisted",
    "split_retracted", "reverse_split", "small_split", "transition", "reuse",
)  # fmt: skip

_SHAPES: dict[str, tuple[str, ...]] = {
    "cumulative": ("Q1", "H1", "9M", "FY"),
    "without_q4": ("Q1", "Q2", "Q3", "FY"),
}
_SHAPES |= {"half_yearly": ("H1", "FY"), "yearly": ("FY",)}
_RATIOS = {"reverse_split": 0.1, "small_split": 1.5}
SECOND_COMPANY = date(2020, 9, 1)  # the day from which a reused symbol is that of another company
_FIRST_BAR, _LAST_BAR = date(2018, 1, 2), date(2021, 12, 31)


@dataclass
class Report:
    """One filing about a period: what it says, and when it became public."""

    end: date
    label: str
    filed: date
    cik: str
    revenue: float
    shares: float  # as counted at the period's end
    accession: str
    accepted: str | None
    filing_date: str | None
    seen_from: int = 0  # the first fetch that serves it

    @property
    def months(self) -> int:
        """Return the length of the period."""
        return MONTHS[self.label]


@dataclass
class Company:
    """Hold the true reports, splits and closes of a symbol, and the list of splits that each fetch shows."""

    symbol: str
    kind: str
    reports: list[Report] = field(default_factory=list)
    revised: dict[str, tuple[int, float]] = field(
        default_factory=dict
    )  # accession: from which fetch, revenue
    splits: dict[date, float] = field(default_factory=dict)
    lists: list[dict[date, float] | None] = field(default_factory=lambda: [None] * len(FETCHES))
    closes: dict[date, float] = field(default_factory=dict)  # as traded


def companies(seed: int, of_each_kind: int = 1) -> list[Company]:
    """Return random companies, some of each kind."""
    return [
        _company(Random(f"{seed}-{kind}-{number}"), f"W{index:02}{number}", kind)
        for number in range(of_each_kind)
        for index, kind in enumerate(KINDS)
    ]


def show(lake: Lake, made: list[Company], fetches: Iterable[int] = range(len(FETCHES))) -> None:
    """Bring into a lake what the vendor shows in each fetch, one fetch after the other."""
    for number in fetches:
        with writing(lake) as tx:
            merge_batch(tx, [each for company in made for each in _shown(company, number)])
    lake.refresh()


def _company(chance: Random, symbol: str, kind: str) -> Company:
    made = Company(symbol, kind)
    day, close = _FIRST_BAR, chance.uniform(20, 200)
    while day <= _LAST_BAR:
        if day.weekday() < 5:
            close *= 1 + chance.uniform(-0.02, 0.02)
            made.closes[day] = round(close, 2)
        day += timedelta(days=1)
    _add_splits(chance, made)
    _add_reports(chance, made)
    return made


def _add_splits(chance: Random, made: Company) -> None:
    if "split" not in made.kind:
        return
    day = date(2020, 8, 3) + timedelta(days=7 * chance.randrange(8))
    ratio = _RATIOS.get(made.kind) or float(chance.choice([2, 3, 4, 7, 20]))
    if made.kind == "split_retracted":
        made.lists = [{}, {day: ratio}, {}]
        return
    made.splits = {day: ratio}
    made.closes = {d: round(c / (ratio if d >= day else 1), 4) for d, c in made.closes.items()}
    if made.kind != "split_unlisted":
        made.lists = [{}, {day: ratio}, {day: ratio}]
    if made.kind == "split_moved":
        made.lists[1] = {day - timedelta(days=2): ratio}


def _add_reports(chance: Random, made: Company) -> None:
    shares = float(chance.randrange(10**6, 10**9))
    quarters = {
        months_before(date(2021, 12, 31), 3 * back): float(chance.randrange(10**6, 10**9))
        for back in range(16)
    }
    for end in sorted(quarters):
        for label in _labels(made.kind, end):
            span = [_month_end(months_before(end, 3 * back)) for back in range(MONTHS[label] // 3)]
            counted = shares * factor(made.splits, _FIRST_BAR, end)
            report = _report(chance, made, end, label)
            report.shares, report.revenue = counted, sum(quarters.get(each, 0.0) for each in span)
            if all(each in quarters for each in span):
                made.reports.append(report)
    _trouble(chance, made)


def _month_end(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def _labels(kind: str, end: date) -> tuple[str, ...]:
    quarter = end.month // 3
    if kind == "transition":  # fiscal years end in June until 2020, in December after
        return _transition_labels(end)
    shape = _SHAPES.get(kind, ("Q1", "Q2", "Q3", "Q4"))
    at_quarter = {"Q1": 1, "H1": 2, "9M": 3, "Q2": 2, "Q3": 3, "Q4": 4, "FY": 4}
    labels = tuple(label for label in shape if at_quarter[label] == quarter)
    return (*labels, "FY") if quarter == 4 and "FY" not in labels else labels


def _transition_labels(end: date) -> tuple[str, ...]:
    quarter = end.month // 3
    if end >= date(2021, 3, 31):
        return (f"Q{quarter}", "FY") if end.month == 12 else (f"Q{quarter}",)
    label = f"Q{(quarter + 1) % 4 + 1}"
    return (label, "FY") if label == "Q4" else (label,)


def _report(chance: Random, made: Company, end: date, label: str) -> Report:
    filed = end + timedelta(days=chance.randrange(60, 90) if label == "FY" else chance.randrange(25, 50))
    clock = chance.choice(["08:00:00", "16:00:00", "16:00:01", "18:05:12"])
    accession = f"{made.symbol}-{end}-{label}"
    return Report(end, label, filed, "0000000111", 0, 0, accession, f"{filed} {clock}", filed.isoformat())


def _trouble(chance: Random, made: Company) -> None:
    """Change the reports of a company by its kind of trouble."""
    if made.kind in ("missing_acceptance", "filing_date_only"):
        for report in made.reports:
            report.accepted = chance.choice([None, "0000-00-00 00:00:00"])
            report.filing_date = report.filing_date if made.kind == "filing_date_only" else None
    if made.kind == "reuse":
        made.closes = {d: c for d, c in made.closes.items() if not date(2020, 4, 15) < d < SECOND_COMPANY}
        made.reports = [each for each in made.reports if not date(2020, 3, 31) < each.end < SECOND_COMPANY]
        for report in made.reports:
            if report.end > SECOND_COMPANY:
                report.cik, report.shares = "0000000222", 20_000_000.0
        made.reports = [each for each in made.reports if (each.end, each.label) != (date(2020, 12, 31), "FY")]
    if made.kind == "vendor_revision":
        for report in chance.sample(made.reports, 4):
            made.revised[report.accession] = (chance.choice([1, 2]), report.revenue * 2)
    if made.kind in ("restated", "late_restatement"):
        for report in chance.sample([each for each in made.reports if each.end.year < 2021], 4):
            made.reports.append(_restated(report, late=made.kind == "late_restatement"))


def _restated(report: Report, *, late: bool) -> Report:
    """Return a later filing of a period; a late one is served a fetch after its acceptance."""
    filed = report.filed + timedelta(days=95)
    number = next((n for n, fetch in enumerate(FETCHES) if fetch.date() > filed), len(FETCHES))
    return Report(
        report.end, report.label, filed, report.cik, report.revenue + 1e5, report.shares,
        f"{report.accession}-A", f"{filed} 08:00:00", filed.isoformat(), number + 1 if late else 0,
    )  # fmt: skip


def served(made: Company, number: int) -> list[tuple[Report, float]]:
    """Return the newest filing of each period that a fetch serves, with the revenue that it shows."""
    newest: dict[tuple[date, str], Report] = {}
    for report in sorted(made.reports, key=lambda each: each.filed):
        if report.filed < FETCHES[number].date() and report.seen_from <= number:
            newest[report.end, report.label] = report
    shown = []
    for report in newest.values():
        start, revenue = made.revised.get(report.accession, (len(FETCHES), 0.0))
        shown.append((report, revenue if number >= start else report.revenue))
    return shown


def _shown(made: Company, number: int) -> Iterator[FetchResult]:
    fetched = FETCHES[number].date()
    rows = [_record(made, report, revenue, number) for report, revenue in served(made, number)]
    for period in ("annual", "quarterly"):
        of_period = [row for row in rows if (row["period"] == "FY") == (period == "annual")]
        if of_period:
            yield _answer(made, "income", of_period, number, period)
    bars = []
    for day, close in made.closes.items():
        if day <= fetched:
            shown = round(close / factor(made.splits, day, fetched), 6)
            names = ("open", "high", "low", "close", "adjClose")
            bars.append({"date": day.isoformat(), "volume": 1000.0} | dict.fromkeys(names, shown))
    yield _answer(made, "price", bars, number, "full_history")
    listed = made.lists[number]
    if listed is not None:
        rows = [_split_record(made, day, ratio) for day, ratio in listed.items()]
        yield _answer(made, "split", rows, number, "full_history")


def _record(made: Company, report: Report, revenue: float, number: int) -> dict[str, Any]:
    shares = report.shares * factor(made.splits, report.end, FETCHES[number].date())
    record = {
        "date": report.end.isoformat(),
        "symbol": made.symbol,
        "reportedCurrency": "USD",
        "cik": report.cik,
        "fillingDate": report.filing_date,
        "acceptedDate": report.accepted,
        "calendarYear": str(report.end.year),
        "period": report.label,
        "revenue": revenue,
        "weightedAverageShsOut": round(shares),
        "link": f"https://www.sec.gov/Archives/{report.accession}-index.htm",
    }
    return {name: value for name, value in record.items() if value is not None}


def _split_record(made: Company, day: date, ratio: float) -> dict[str, Any]:
    numerator, denominator = ratio.as_integer_ratio() if ratio >= 1 else (1, round(1 / ratio))
    return {
        "symbol": made.symbol,
        "date": day.isoformat(),
        "numerator": numerator,
        "denominator": denominator,
    }


def _answer(made: Company, dataset: str, rows: list[dict[str, Any]], number: int, period: str) -> FetchResult:
    fetched = FetchResult(
        fetch_id=f"{made.symbol}-{dataset}-{period}-{number}",
        dataset=dataset,
        symbol=made.symbol,
        fetched_at=FETCHES[number],
        provider="fmp",
        endpoint=f"made/{json.dumps(dataset)}",
        parameters="{}",
        records=None,
        period=period,
    )
    fetched.records = frame_of(rows, fetched)
    return fetched
