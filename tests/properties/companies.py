"""Random companies that report quarters, half years, nine months and years, with gaps and restatements.

:func:`year_at` is the model of the trailing twelve months: plain Python over the filings, one date at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import polars as pl

from tests.unit.query.lake_builder import filing

__all__ = [
    "ENDS",
    "Filed",
    "Year",
    "histories",
    "known_at",
    "limit_days",
    "record",
    "total",
    "versions",
    "year_at",
]

ENDS: list[date] = (
    pl.date_range(date(2018, 3, 31), date(2020, 9, 30), "3mo", eager=True).dt.month_end().to_list()
)
LABELS = {3: ("Q1", "Q2", "Q3", "Q4"), 6: ("", "H1"), 9: ("", "", "9M"), 12: ("", "", "", "FY")}
FIELDS = {
    "income": {"revenue": "revenue", "net_income": "netIncome", "shares": "weightedAverageShsOut"},
    "cash_flow": {"operating_cash_flow": "operatingCashFlow", "dividends_paid": "dividendsPaid"},
    "balance_sheet": {"total_assets": "totalAssets", "total_stockholders_equity": "totalStockholdersEquity"},
}


@dataclass(frozen=True)
class Filed:
    """One filing about the months up to a quarter's end. Restatements are further filings of the same."""

    kind: str
    quarter: int
    months: int
    delay_days: int
    items: dict[str, int | None]  # None: not reported

    @property
    def end(self) -> date:
        """Return the period's end."""
        return ENDS[self.quarter]

    @property
    def day(self) -> date:
        """The day on which it is public, in the morning."""
        return self.end + timedelta(days=self.delay_days)

    @property
    def label(self) -> str:
        """Return the fiscal period."""
        return LABELS[self.months][self.quarter % 4]


Known = dict[tuple[int, int], list[Filed]]  # by quarter and months: the versions that count, first to last


@dataclass(frozen=True)
class Year:
    """What stands for twelve months up to a quarter's end: parts with their signs, or why there is none."""

    quarter: int
    basis: str | None
    parts: tuple[tuple[int, Filed], ...] = ()
    derivation: str | None = None
    reason: str | None = None
    head: Filed | None = None  # the newest period's own statement; nothing where it is derived

    @property
    def available(self) -> date:
        """The day on which the last part became known."""
        return max(filed.day for _, filed in self.parts)


def histories(chance: Random, kinds: Iterable[str]) -> list[Filed]:
    """Return the filings of a company: each period once, or not at all, and some of them again later."""
    result = {}
    for kind in kinds:
        habit = chance.choice(["quarters", "cumulative", "both", "any"])
        for quarter in range(len(ENDS)):
            for months in dict.fromkeys((3, 3 * (quarter % 4 + 1))):  # the first quarter is both
                required = {"quarters": months == 3, "cumulative": months == 3 * (quarter % 4 + 1)}
                if chance.random() < (0.93 if required.get(habit, True) else 0.1):
                    filed = _filed(chance, kind, quarter, months, (20, 120))
                    result[kind, quarter, months, filed.delay_days] = filed
                    if chance.random() < 0.15:
                        again = _filed(chance, kind, quarter, months, (126, 500))
                        result[kind, quarter, months, again.delay_days] = again
    return list(result.values())


def _filed(chance: Random, kind: str, quarter: int, months: int, delays: tuple[int, int]) -> Filed:
    # A year is more than two quarters ever are: by chance two without the others would be proved halves.
    least, most = (3 * 10**6, 4 * 10**6) if months == 12 else (1, 10**6)
    items: dict[str, int | None] = {
        item: chance.randint(least, most) if chance.random() < 0.97 else None for item in FIELDS[kind]
    }
    return Filed(kind, quarter, months, chance.randint(*delays), items)


def versions(filed: Iterable[Filed]) -> dict[tuple[str, int, int], list[Filed]]:
    """Return the filings of each period, first to last."""
    result: dict[tuple[str, int, int], list[Filed]] = defaultdict(list)
    for one in sorted(filed, key=lambda one: one.delay_days):
        result[one.kind, one.quarter, one.months].append(one)
    return result


def record(filed: Filed, shares_ratio: int = 1) -> dict[str, Any]:
    """Return a filing as the vendor serves it, shares re-based by later splits."""
    items: dict[str, Any] = {
        field: ... if filed.items[item] is None else filed.items[item]
        for item, field in FIELDS[filed.kind].items()
    }
    if filed.items.get("shares"):
        items["weightedAverageShsOut"] *= shares_ratio
    return filing(filed.end.isoformat(), filed.label, filed=filed.day.isoformat(), **items)


# --- the model --------------------------------------------------------------------------------------------


def known_at(filed: Iterable[Filed], kind: str, day: date, vintage: str = "known") -> Known:
    """Return the versions of each period that a vintage may use on a day."""
    result: Known = {}
    for (of_kind, quarter, months), filings in versions(filed).items():
        public = [one for one in filings if one.day <= day]
        if of_kind == kind and public:
            result[quarter, months] = {"known": public, "first": filings[:1], "latest": filings}[vintage]
    return result


def limit_days(filed: Iterable[Filed], day: date) -> int:
    """Return how old figures may be: by the shortest distance of the last three ends of income statements."""
    known = [one for one in filed if one.kind == "income" and one.day <= day]
    ends = sorted({one.end for one in known})[-3:]
    first = min(known, key=lambda one: (one.end != ends[-1], one.day, one.months))
    apart = min(((b - a).days for a, b in pairwise(ends)), default=first.months * 30)
    return 200 if apart <= 120 else 320 if apart <= 230 else 500


def difference(longer: list[Filed], shorter: list[list[Filed]]) -> tuple[tuple[int, Filed], ...]:
    """Return what a longer figure adds to shorter ones, all on one basis, as parts with their signs.

    A figure counts as restated if that happened after the others were first known. If all or none were, the
    newest of all are used. Else the restated ones are used as they stood before.
    """
    known = max(each[0].day for each in shorter)
    longer_again = longer[-1].day > known and len(longer) > 1
    shorter_again = any(each[-1].day > longer[0].day and len(each) > 1 for each in shorter)
    m, parts = longer[-1], [each[-1] for each in shorter]
    if longer_again and not shorter_again:
        m = [one for one in longer if one.day <= max(known, longer[0].day)][-1]
    if shorter_again and not longer_again:
        parts = [([one for one in each if one.day <= m.day] or each[:1])[-1] for each in shorter]
    return ((1, m), *((-1, one) for one in parts))


def _quarter_at(known: Known, quarter: int) -> tuple[str, tuple[tuple[int, Filed], ...]] | None:
    """Return how a quarter follows and its parts: reported, or what a longer period adds to others."""
    reported, longer = known.get((quarter, 3)), known.get((quarter, 3 * (quarter % 4 + 1)))
    if reported or longer is None:
        return ("reported", ((1, reported[-1]),)) if reported else None
    shorter = known.get((quarter - 1, longer[0].months - 3))
    if shorter:
        return f"{longer[0].label} - {shorter[0].label}", difference(longer, [shorter])
    before = [known.get((quarter - back, 3)) for back in range(quarter % 4, 0, -1)]
    there = [each for each in before if each]
    if len(there) < len(before):
        return None
    return " - ".join(each[0].label for each in (longer, *there)), difference(longer, there)


def _year_to_date(known: Known, quarter: int) -> Year | None:
    """Return the year before less its first months, plus the same months of this year; or nothing."""
    quarters = quarter % 4 + 1
    now, year = known.get((quarter, 3 * quarters)), known.get((quarter - quarters, 12))
    before = known.get((quarter - 4, 3 * quarters))
    if not now or not year or not before:
        return None
    label = now[0].label
    how = f"{year[0].end} = FY - {label}; {now[0].end} = {label}"
    return Year(quarter, "year_to_date", (*difference(year, [before]), (1, now[-1])), how, head=now[-1])


def year_at(known: Known, quarter: int) -> Year:
    """Return the twelve months up to a quarter's end: the year's own row, the year to date, four quarters."""
    if (quarter, 12) in known:
        own = known[quarter, 12][-1]
        return Year(quarter, "fiscal_year", ((1, own),), head=own)
    return _year_to_date(known, quarter) or _four_quarters(known, quarter)


def _four_quarters(known: Known, quarter: int) -> Year:
    ends = [end for end in range(quarter - 3, quarter + 1) if end >= 0]
    components = {end: component for end in ends if (component := _quarter_at(known, end))}
    if len(components) == 4:
        names = [f"{ENDS[end]} = {how}" for end, (how, _) in components.items() if how != "reported"]
        parts = tuple(part for _, parts in components.values() for part in parts)
        head = known[quarter, 3][-1] if (quarter, 3) in known else None
        return Year(quarter, "quarters", parts, "; ".join(names) or None, head=head)
    lacking = components and quarter not in components
    return Year(quarter, None, reason="newest_period_has_no_quarter" if lacking else "quarter_missing")


def total(year: Year, item: str) -> int | None:
    """Return an item of a year; one part that does not report it leaves nothing."""
    values = [(sign, filed.items[item]) for sign, filed in year.parts]
    known = [sign * value for sign, value in values if value is not None]
    return sum(known) if values and len(known) == len(values) else None
