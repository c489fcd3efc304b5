"""Random histories of share counts, and a plain model of the count that is the best one on a day.

:func:`best_count` applies the rules of preference, plausibility and age to the raw counts, one day at a time,
without intervals. It reads nothing of the package but the columns of the two tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import Any

__all__ = ["Answer", "Count", "Split", "best_count", "count_rows", "income_rows", "random_history"]

SOURCES = ("weighted_average", "balance_sheet", "cover_page")  # the better one comes later
LABELS = {3: ("Q1", "Q2", "Q3", "Q4"), 6: ("", "H1", "", ""), 12: ("", "", "", "FY")}


@dataclass(frozen=True)
class Count:
    """One share count as one filing has it."""

    source: str
    end: date  # the day counted, or the end of the period of the average
    months: int  # length of that period; 0 for a day
    version: int
    public: date
    basis: date
    shares: float | None
    eps: float | None = None
    net_income: float | None = None

    @property
    def counted(self) -> tuple[str, date, int]:
        """Return what is counted: another version counts the same."""
        return self.source, self.end, self.months

    @property
    def grade(self) -> int:
        """Return 0 without a count, 1 for one that cannot be, 2 for one that can be used."""
        if not self.shares:
            return 0
        off = self.off_by()
        return 1 if self.shares < 0 or (off is not None and off >= 5) else 2

    @property
    def is_checked(self) -> bool:
        """Return whether the figures of the same statement confirm the average."""
        return self.grade == 2 and self.off_by() is not None

    def off_by(self) -> float | None:
        """Return by what factor the average differs from net income / EPS; None where these say nothing."""
        if not (self.shares and self.eps and self.net_income) or abs(self.eps) < 0.02 or self.shares < 0:
            return None
        return _factor(abs(self.net_income / self.eps), self.shares)


@dataclass(frozen=True)
class Split:
    """A split: each share becomes ``ratio`` shares."""

    day: date
    ratio: float


@dataclass(frozen=True)
class Answer:
    """The best count of a day, or why there is none."""

    shares: float | None
    count: Count | None
    reason: str | None
    age_limit_days: int


def _factor(one: float, other: float) -> float:
    return max(one / other, other / one)


def _newest(counts: Iterable[Count]) -> Count | None:
    """Return the count of the latest day; of averages of one end, that of the shortest period."""
    return max(counts, key=lambda c: (c.end, SOURCES.index(c.source), -c.months), default=None)


# --- the model --------------------------------------------------------------------------------------------


def best_count(counts: Sequence[Count], splits: Sequence[Split], day: date, vintage: str = "known") -> Answer:
    """Return the best share count of a day and its age limit."""
    period_days, age_limit_days = _rhythm(counts, day)
    known = _known(counts, day, vintage)
    usable = [c for c in known if c.grade == 2]
    if not usable:
        worst = max(known, key=lambda c: (c.grade, c.end, SOURCES.index(c.source), -c.months), default=None)
        reason = "share_count_implausible" if worst and worst.grade == 1 else None
        return Answer(None, worst, reason, age_limit_days)
    reach = timedelta(days=period_days + 45)
    newest_day = max(c.end for c in usable)
    recent = [c for c in usable if c.end > newest_day - 2 * reach]
    plausible = _plausible(recent, lambda c: _now(c, splits))
    if not plausible:
        return Answer(None, None, "share_count_implausible", age_limit_days)
    best = _preferred(plausible, reach, vintage)
    return Answer(best.shares, best, None, age_limit_days)


def _known(counts: Sequence[Count], day: date, vintage: str) -> list[Count]:
    """Return one version of each count that a vintage knows on a day."""
    chosen = []
    for counted in {c.counted for c in counts}:
        versions = sorted((c for c in counts if c.counted == counted), key=lambda c: c.version)
        last = max(versions, key=lambda c: (c.grade, c.version))
        public = [c for c in versions if c.public <= day]
        if vintage == "known" and public:
            chosen.append(max(public, key=lambda c: (c.grade, c.version)))
        if vintage == "first" and versions[0].public <= day:
            chosen.append(versions[0])
        if vintage == "latest" and (public or (last.months == 0 and last.end <= day)):
            chosen.append(last)
    return chosen


def _rhythm(counts: Sequence[Count], day: date) -> tuple[int, int]:
    """Return the usual distance of the reports known on a day, and how old a count may become."""
    known = [c for c in counts if c.months and c.public <= day]
    ends = sorted({c.end for c in known})[-3:]
    if not ends:
        return 91, 200
    distances = [(later - earlier).days for earlier, later in pairwise(ends)]
    of_one = min((c for c in known), key=lambda c: (c.public, c.months)).months * 365 // 12
    distance = min(distances, default=of_one)
    return (91, 200) if distance <= 120 else (182, 320) if distance <= 230 else (365, 500)


def _now(count: Count, splits: Sequence[Split]) -> float:
    """Return a count on the basis after all splits."""
    shares = count.shares or 0.0
    for split in splits:
        shares *= split.ratio if split.day > count.basis else 1
    return shares


def _plausible(recent: list[Count], shares: Callable[[Count], float]) -> list[Count]:
    """Return the counts that no better knowledge contradicts."""
    checked = [c for c in recent if c.is_checked]
    if not checked:
        return _uncontradicted(recent, shares)
    result = []
    for count in recent:
        judge = _newest(c for c in checked if c.public == count.public) or _newest(checked)
        if judge is None or count.is_checked or _factor(shares(count), shares(judge)) < 30:
            result.append(count)
    return result


def _uncontradicted(recent: list[Count], shares: Callable[[Count], float]) -> list[Count]:
    """Return the counts of the sources whose newest count agrees with another one, or meets no other."""
    newest = {s: c for s in SOURCES if (c := _newest(c for c in recent if c.source == s))}
    witnesses = list(newest.values())
    if len(witnesses) == 1:
        [only] = witnesses
        before = _newest(c for c in recent if c.end < only.end)
        witnesses += [before] if before else []
    wrong = set()
    for source, count in newest.items():
        others = [w for w in witnesses if w is not count]
        if others and all(_factor(shares(count), shares(w)) >= 30 for w in others):
            wrong.add(source)
    return [c for c in recent if c.source not in wrong]


def _preferred(plausible: list[Count], reach: timedelta, vintage: str) -> Count:
    """Return the count of the best source that is not too far behind."""
    newest_day = max(c.end for c in plausible)
    candidates = [c for s in SOURCES if (c := _newest(c for c in plausible if c.source == s))]
    candidates = [c for c in candidates if c.end >= newest_day - reach]
    if vintage == "latest":
        of_a_day = [c for c in candidates if not c.months]
        return max(of_a_day or candidates, key=lambda c: (c.end, SOURCES.index(c.source)))
    return max(candidates, key=lambda c: SOURCES.index(c.source))


# --- random histories -------------------------------------------------------------------------------------


def random_history(chance: Random) -> tuple[list[Count], list[Split]]:
    """Return the counts of a company that grows and splits, some of them wrong, missing or restated."""
    months = chance.choice([3, 3, 3, 6, 12])
    ends = [_month_end(2014 + n // 4, 3 * (n % 4 + 1)) for n in range(20)]
    splits = [
        Split(chance.choice(ends) + timedelta(days=chance.randint(1, 80)), chance.choice([2, 4, 20, 0.02]))
        for _ in range(chance.choice([0, 0, 1, 2]))
    ]
    # Two of one ratio within a week would be one split that two lists told.
    splits = [s for n, s in enumerate(splits) if all(abs((s.day - o.day).days) > 7 for o in splits[:n])]
    habits = [s for s in SOURCES if chance.random() < 0.75] or [chance.choice(SOURCES)]
    shares, counts = 10.0 ** chance.randint(6, 9), []
    for number, end in enumerate(ends):
        shares *= chance.choice([0.97, 1.0, 1.02, 1.1, 1.1, 3.0 if chance.random() < 0.2 else 1.0])
        if (number + 1) % (months // 3) == 0 and chance.random() < 0.95:
            lengths = [months]
            if number % 4 == 3 and months < 12:  # the second half is told by the year alone
                lengths = [12] if months == 6 else chance.choice([[3], [3, 12]])
            counts += _filed(chance, end, lengths, shares, habits)
    counts = [_on_basis(c, splits) for c in counts]
    return counts + [_again(chance, c) for c in counts if chance.random() < 0.08], splits


def _month_end(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def _filed(chance: Random, end: date, lengths: list[int], shares: float, habits: list[str]) -> list[Count]:
    """Return the counts of one filing; the average alone may be public later."""
    public = end + timedelta(days=chance.randint(20, 60))
    counts = []
    for source in habits:
        wrong = chance.choice([0, None, -shares, shares / 1000, shares * 1000, 100.0])
        value = wrong if chance.random() < 0.15 else shares * chance.uniform(0.98, 1.02)
        if source != "weighted_average":
            counted = end + timedelta(days=15) if source == "cover_page" else end
            counts.append(Count(source, counted, 0, 1, public, public, value))
            continue
        later = public + timedelta(days=chance.choice([0, 0, 0, 20]))
        for months in lengths:
            eps = chance.choice([None, 0.01, -0.015, -0.02, 0.5, 1.25, -3.0])
            income = None if eps is None else eps * shares * chance.choice([1, 1, 1, 1.3, 4.9, 1 / 4.9])
            counts.append(Count(source, end, months, 1, later, later, value, eps, income))
    return counts


def _on_basis(count: Count, splits: Sequence[Split]) -> Count:
    """Return the count as its filing writes it: after the splits up to that day."""
    ratio = 1.0
    for split in splits:
        ratio *= split.ratio if split.day <= count.basis else 1
    if not count.shares:
        return count
    eps = None if count.eps is None else count.eps / ratio
    return replace(count, shares=count.shares * ratio, eps=eps)


def _again(chance: Random, count: Count) -> Count:
    """Return another version of a count, filed later on the same basis."""
    factor = chance.choice([0.5, 0.9, 1.05, 2.0, 1000.0])
    public = count.public + timedelta(days=chance.randint(30, 400))
    shares = 5e6 if not count.shares else count.shares * factor
    return replace(count, version=2, public=public, shares=shares)


# --- rows of the tables -----------------------------------------------------------------------------------


def income_rows(symbol: str, counts: Iterable[Count]) -> list[dict[str, Any]]:
    """Return the income statements that have the averages."""
    return [
        _versioned(symbol, c)
        | {
            "fiscal_date": c.end,
            "fiscal_period": LABELS[c.months][c.end.month // 3 - 1],
            "fiscal_year": c.end.year,
            "reported_currency": "USD",
            "eps": c.eps,
            "net_income": c.net_income,
            "weighted_average_shares_outstanding": c.shares,
        }
        for c in counts
        if c.months
    ]


def count_rows(symbol: str, counts: Iterable[Count]) -> list[dict[str, Any]]:
    """Return the counts of a day."""
    return [
        _versioned(symbol, c) | {"as_of_date": c.end, "source": c.source, "shares": c.shares}
        for c in counts
        if not c.months
    ]


def _versioned(symbol: str, count: Count) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "version": count.version,
        "change_kind": "original" if count.version == 1 else "restatement",
        "available_date": count.public,
        "accepted_date": count.public,
        "split_basis_date": count.basis,
        "source_provider": "fmp",
    }
