"""Group a company's facts by filing, and a filing's facts by period."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

from factorlab_lake.providers.sec.report_forms import STATEMENT_FORMS

__all__ = ["FilingFacts", "facts_by_filing"]

_COVER = "EntityCommonStockSharesOutstanding"
_TAXONOMIES = ("us-gaap", "ifrs-full")
_ROUNDED_SHARE = 0.9  # the share of a filing's amounts that its rounding unit divides
_CURRENCY_CHARS = 3
_Fact = tuple[str, str, str, str | None, str, float]


@dataclass(slots=True)
class FilingFacts:
    """Hold the facts of one filing in its reporting currency: values by tag, by period and by day.

    ``durations`` is keyed by (start, end), both inclusive; ``instants`` by day. ``tags`` has every tag of the
    filing in its taxonomy. ``rounding`` is the unit to which its amounts are rounded. ``cover_counts`` has
    the shares on the cover page by the day of the count.
    """

    accession: str
    form: str
    filed: date
    taxonomy: str = "us-gaap"
    currency: str = ""
    rounding: float = 1.0
    tags: frozenset[str] = frozenset()
    durations: dict[tuple[date, date], dict[str, float]] = field(default_factory=dict)
    instants: dict[date, dict[str, float]] = field(default_factory=dict)
    cover_counts: dict[date, float] = field(default_factory=dict)

    def at(self, day: date) -> dict[str, float]:
        """Return the values of one day, empty without any."""
        return self.instants.get(day, {})


def facts_by_filing(company_facts: Mapping[str, Any]) -> dict[str, FilingFacts]:
    """Return the facts of each periodic report by accession number.

    Other forms, such as proxy statements, have facts that are no statements. Raises ``ValueError`` for an
    object of another form.
    """
    facts = company_facts.get("facts")
    if not isinstance(facts, Mapping):
        raise ValueError("company facts without the object 'facts'")  # noqa: TRY004
    filings: dict[str, FilingFacts] = {}
    rows: defaultdict[str, list[_Fact]] = defaultdict(list)
    for taxonomy, tag, unit, fact in _facts(facts):
        form = fact["form"]
        if form not in STATEMENT_FORMS:
            continue
        accession = fact["accn"]
        if accession not in filings:
            filings[accession] = FilingFacts(accession, form, _day(fact["filed"]))
        rows[accession].append((taxonomy, tag, unit, fact.get("start"), fact["end"], fact["val"]))
    for accession, filing in filings.items():
        _fill(filing, rows[accession])
    return filings


def _facts(facts: Mapping[str, Any]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    for taxonomy, tag in (("dei", _COVER), *((t, tag) for t in _TAXONOMIES for tag in facts.get(t, ()))):
        for unit, values in facts.get(taxonomy, {}).get(tag, {}).get("units", {}).items():
            for fact in values:
                if isinstance(fact["val"], int | float):
                    yield taxonomy, tag, unit, fact


def _fill(filing: FilingFacts, rows: list[_Fact]) -> None:
    """Add the facts of the filing's taxonomy and reporting currency: the most frequent ones."""
    taxonomies, units = Counter(row[0] for row in rows), Counter(row[2] for row in rows)
    filing.taxonomy = max(_TAXONOMIES, key=lambda name: taxonomies[name])
    filing.currency = max(sorted(filter(_is_currency, units)), key=lambda unit: units[unit], default="")
    money, kept = filing.currency, {filing.currency, f"{filing.currency}/shares", "shares"}
    amounts, tags = [], set()
    for taxonomy, tag, unit, start, end, value in rows:
        if taxonomy != "dei" and _day(end) > filing.filed:
            continue  # a typing error: nothing is reported before its period ends
        if taxonomy == "dei":
            filing.cover_counts[_day(end)] = value
            continue
        if taxonomy != filing.taxonomy:
            continue
        tags.add(tag)
        if unit not in kept:
            continue
        if unit == money:
            amounts.append(value)
        if start is None:
            filing.instants.setdefault(_day(end), {})[tag] = value
        else:
            filing.durations.setdefault((_day(start), _day(end)), {})[tag] = value
    filing.tags, filing.rounding = frozenset(tags), _rounding(amounts)


def _is_currency(unit: str) -> bool:
    return len(unit) == _CURRENCY_CHARS and unit.isalpha() and unit.isupper()


def _rounding(amounts: list[float]) -> float:
    """Return the largest power of ten that divides nine tenths of the amounts.

    >>> _rounding([1_000_000, 25_000_000, 7_000_000, 3_500_000, 10_000_000])
    100000.0
    """
    zeros = sorted(_zeros(value) for value in amounts if value)
    return 10.0 ** zeros[len(zeros) - _needed(len(zeros))] if zeros else 1.0


def _needed(count: int) -> int:
    return -int(-count * _ROUNDED_SHARE // 1)


def _zeros(value: float) -> int:
    digits = str(value).removesuffix(".0")
    return len(digits) - len(digits.rstrip("0"))


@lru_cache(maxsize=4096)
def _day(text: str) -> date:
    return date.fromisoformat(text)
