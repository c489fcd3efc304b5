"""Find the statement columns in the facts of a filing: their periods, labels and fiscal years.

The labels of the facts themselves (``fy``, ``fp``) describe the filing and are wrong in places, so periods
follow from ``start`` and ``end``. Facts of notes alone make no column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from factorlab_lake.providers.sec.company_facts import FilingFacts
from factorlab_lake.providers.sec.concepts import direct_tags
from factorlab_lake.providers.sec.report_forms import is_annual

__all__ = ["ReportColumn", "report_columns"]

# Inclusive days of a period by its months: 13 or 14 weeks a quarter.
_LENGTHS = {3: range(80, 101), 6: range(170, 193), 9: range(255, 287), 12: range(350, 381)}
_FROM_START = {3: "Q1", 6: "H1", 9: "9M", 12: "FY"}
_LATER_QUARTER = {6: "Q2", 9: "Q3"}  # by the months from the year's start to the quarter's end
_AT_END = {"Q1": "Q1", "Q2": "Q2", "Q3": "Q3", "H1": "Q2", "9M": "Q3", "FY": "FY"}
_YEAR_START_DAYS = 10  # a year of 52 or 53 weeks starts up to so many days off
_YEAR_END_DAYS = 3
_MOST_YEARS_BACK = 3
_REPORT_DATE_DAYS = 10  # submissions may give the end of the month for a year of 52 weeks
_EARLY_JANUARY = 10  # a year that ends by this day is called after the year before
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """Represent one column: its statement, period, label, and the values by tag.

    ``years_back`` counts fiscal years before the reported one. ``start`` is None on a balance sheet.
    """

    statement_type: str
    start: date | None
    end: date
    label: str
    fiscal_year: int
    years_back: int
    facts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Span:
    """Represent a period that has an income or a cash flow column."""

    start: date
    end: date
    months: int
    facts: Mapping[str, float]
    statements: tuple[str, ...]


def report_columns(filing: FilingFacts, report_date: date | None) -> tuple[date | None, list[ReportColumn]]:
    """Return the end of the reported period and the filing's columns; none where it is no statement.

    Without a report date, the latest end of an income or cash flow column counts.
    """
    spans = list(_spans(filing))
    end = _reported_end(spans, report_date)
    annual = is_annual(filing.form)
    ending = [s for s in spans if s.end == end and (s.months == 12) == annual]  # noqa: PLR2004
    if end is None or not ending:
        return report_date, []
    year_start = min(s.start for s in ending)
    columns = [c for s in spans if not annual or s.months == 12 for c in _of_span(s, year_start)]  # noqa: PLR2004
    return end, _distinct([*columns, *_balances(filing, columns, year_start)])


def _spans(filing: FilingFacts) -> Iterator[_Span]:
    tags = _Needed(filing.taxonomy)
    for (start, end), facts in filing.durations.items():
        days = (end - start).days + 1
        months = next((m for m, lengths in _LENGTHS.items() if days in lengths), 0)
        if months and (statements := tags.statements(facts)):
            yield _Span(start, end, months, facts, statements)


class _Needed:
    """Hold the tags without which a period has no column of a statement."""

    def __init__(self, taxonomy: str) -> None:
        self.result = direct_tags("income", taxonomy, "net_income") | {"ProfitLoss"}
        self.income = direct_tags("income", taxonomy, "revenue", "income_tax_expense", "eps")
        self.cash = direct_tags("cash_flow", taxonomy, "net_cash_provided_by_operating_activities")

    def statements(self, facts: Mapping[str, float]) -> tuple[str, ...]:
        names = facts.keys()
        income = not self.result.isdisjoint(names) and not self.income.isdisjoint(names)
        return ("income",) * income + ("cash_flow",) * (not self.cash.isdisjoint(names))


def _reported_end(spans: list[_Span], report_date: date | None) -> date | None:
    """Return the end of the reported period: that of the columns near the report date, else the latest."""
    ends = {s.end for s in spans}
    if report_date is None or report_date in ends:
        return report_date or max(ends, default=None)
    near = [e for e in ends if abs((e - report_date).days) <= _REPORT_DATE_DAYS]
    return min(near, key=lambda e: (abs((e - report_date).days), e), default=max(ends, default=report_date))


def _of_span(span: _Span, year_start: date) -> Iterator[ReportColumn]:
    for back in range(_MOST_YEARS_BACK + 1):
        start = _years_before(year_start, back)
        label = _label(span, start)
        if label is None:
            continue
        year = fiscal_year(span.end if label == "FY" else _last_day(start))
        for statement in span.statements:
            # Cash flows are cumulative: a three-month column of a later quarter is of a note.
            if statement == "income" or label in _FROM_START.values():
                yield ReportColumn(statement, span.start, span.end, label, year, back, span.facts)
        return


def _label(span: _Span, year_start: date) -> str | None:
    if abs((span.start - year_start).days) <= _YEAR_START_DAYS:
        return _FROM_START[span.months]
    if span.months != 3 or span.start < year_start:  # noqa: PLR2004
        return None
    days = (span.end - year_start).days + 1
    return next((label for months, label in _LATER_QUARTER.items() if days in _LENGTHS[months]), None)


def _balances(filing: FilingFacts, columns: list[ReportColumn], year_start: date) -> Iterator[ReportColumn]:
    """Yield the balance sheets at the ends of the columns, and at the end of the year before."""
    totals = direct_tags("balance_sheet", filing.taxonomy, "total_assets")
    ends = {c.end: c for c in columns}
    for day, facts in filing.instants.items():
        if totals.isdisjoint(facts):
            continue
        if day in ends:
            same = ends[day]
            label, year, back = _AT_END[same.label], same.fiscal_year, same.years_back
        else:
            starts = {k: _years_before(year_start, k) for k in range(_MOST_YEARS_BACK)}
            near = [k for k, s in starts.items() if abs((s - _ONE_DAY - day).days) <= _YEAR_END_DAYS]
            if not near:
                continue
            label, year, back = "FY", fiscal_year(day), near[0] + 1
        yield ReportColumn("balance_sheet", None, day, label, year, back, facts)


def _distinct(columns: list[ReportColumn]) -> list[ReportColumn]:
    """Return one column of each statement, label and year: the one with the most facts."""
    best: dict[tuple[str, str, int], ReportColumn] = {}
    for column in columns:
        key = (column.statement_type, column.label, column.years_back)
        if key not in best or len(column.facts) > len(best[key].facts):
            best[key] = column
    return list(best.values())


def fiscal_year(last_day: date) -> int:
    """Return the fiscal year that ends on a day.

    >>> fiscal_year(date(2020, 9, 26)), fiscal_year(date(2021, 1, 3))
    (2020, 2020)
    """
    return last_day.year - (last_day.month == 1 and last_day.day <= _EARLY_JANUARY)


def _last_day(year_start: date) -> date:
    return _years_before(year_start, -1) - _ONE_DAY


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28)
