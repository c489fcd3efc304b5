"""Compute what a lake should answer about the made companies: versions by the rule, caps by the truth."""

from __future__ import annotations

from datetime import date, datetime

from tests.oracle.counts import factor
from tests.oracle.days import NEW_YORK, accepted_at, usable_from
from tests.oracle.trailing import Content, is_fresh, trailing
from tests.oracle.worlds import FETCHES, SECOND_COMPANY, Company, Report, served

__all__ = ["contents", "right_cap", "right_revenue"]

_PRICE_DAYS = 10


def contents(made: Company) -> list[Content]:
    """Return the contents of all periods with the day from which each is known.

    A later filing that an earlier fetch did not serve in spite of its acceptance is known from the fetch
    that first served it. So is another figure of the same filing.
    """
    result: list[Content] = []
    last: dict[tuple[date, str], tuple[Report, float]] = {}
    for number, fetched in enumerate(FETCHES):
        for report, revenue in served(made, number):
            key = (report.end, report.label)
            former = last.get(key)
            if former is not None and former == (report, revenue):
                continue
            result.append(_content(report, revenue, fetched, former, number))
            last[key] = (report, revenue)
    return result


def _content(
    report: Report, revenue: float, fetched: datetime, former: tuple[Report, float] | None, number: int
) -> Content:
    accepted = accepted_at(report.accepted)
    filed = date.fromisoformat(report.filing_date) if report.filing_date else None
    known, _ = usable_from(report.end, report.months, accepted, filed, fetched=fetched)
    seen = fetched.astimezone(NEW_YORK).date()
    if former is not None:
        again = former[0].accession == report.accession
        if again or (accepted is not None and accepted < FETCHES[number - 1]):
            known = max(known, seen)
    return Content(
        known=known,
        order=number,
        end=report.end,
        months=report.months,
        starts_year=report.label in ("Q1", "H1", "9M", "FY"),
        items={"revenue": revenue, "shares": report.shares},
    )


def right_revenue(made: Company, day: date) -> float | None:
    """Return the trailing revenue as known at a day."""
    return trailing(_one_company(made, day), "revenue", day).value


def right_cap(made: Company, day: date) -> float | None:
    """Return the close as traded, times the newest known count, times the true splits since its period."""
    known = [each for each in _one_company(made, day) if each.known <= day]
    price = max((each for each in made.closes if each <= day), default=None)
    if not known or price is None or (day - price).days > _PRICE_DAYS or not is_fresh(known, day):
        return None
    newest = max(known, key=lambda each: (each.end, each.known, each.order))
    return made.closes[price] * (newest.items["shares"] or 0) * factor(made.splits, newest.end, price)


def _one_company(made: Company, day: date) -> list[Content]:
    """Return the contents of the company that has the symbol on a day; none between two companies."""
    if made.kind != "reuse":
        return contents(made)
    by_company: dict[bool, list[Content]] = {False: [], True: []}
    for each in contents(made):
        by_company[each.end >= SECOND_COMPANY].append(each)
    last_fact = max(each.known for each in by_company[False])
    if last_fact < day < SECOND_COMPANY:
        return []
    return by_company[day >= SECOND_COMPANY]
