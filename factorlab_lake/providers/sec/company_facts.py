"""Group a company's facts by filing, and a filing's facts by period."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np

from factorlab_lake.providers.sec.report_forms import STATEMENT_FORMS

__all__ = ["FilingFacts", "OddFact", "facts_by_filing"]

_COVER = "EntityCommonStockSharesOutstanding"
_TAXONOMIES = ("us-gaap", "ifrs-full")
_ROUNDED_SHARE = 0.9  # the share of a filing's amounts that its rounding unit divides
_CURRENCY_CHARS = 3
_NUMBER = (int, float)
_SHOWN_CHARS, _SHOWN_FACT_CHARS = 40, 200
# The values by tag of a filing, by taxonomy, unit, start (None for a day) and end.
_Columns = dict[tuple[str, str, str | None, str], dict[str, float]]


@dataclass(frozen=True, slots=True)
class OddFact:
    """Represent a fact whose value is no number; ``start`` is None for a day."""

    taxonomy: str
    tag: str
    unit: str
    start: str | None
    end: date
    value: Any


@dataclass(slots=True)
class FilingFacts:
    """Hold the facts of one filing in its reporting currency: values by tag, by period and by day.

    ``durations`` is keyed by (start, end), both inclusive; ``instants`` by day. ``tags`` has every tag of the
    filing in its taxonomy. ``rounding`` is the unit to which its amounts are rounded. ``cover_counts`` has
    the shares on the cover page by the day of the count. ``odd`` has the facts whose value is no number.
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
    odd: list[OddFact] = field(default_factory=list)

    def at(self, day: date) -> dict[str, float]:
        """Return the values of one day, empty without any."""
        return self.instants.get(day, {})


def facts_by_filing(company_facts: Mapping[str, Any]) -> dict[str, FilingFacts]:
    """Return the facts of each periodic report by accession number.

    Other forms, such as proxy statements, have facts that are no statements. Raises ``ValueError`` for an
    object of another form, with the fact that has it.
    """
    facts = company_facts.get("facts")
    if not isinstance(facts, Mapping):
        raise ValueError("company facts without the object 'facts'")  # noqa: TRY004
    filings: dict[str, FilingFacts] = {}
    columns: dict[str, _Columns] = {}
    for place, values in _concepts(facts):
        _add(values, place, filings, columns)
    for accession, filing in filings.items():
        try:
            _fill(filing, columns.pop(accession))
        except ValueError as error:
            raise ValueError(f"company facts of {accession}: {error}") from None
    return filings


def _add(
    values: list[dict[str, Any]],
    place: tuple[str, str, str],
    filings: dict[str, FilingFacts],
    columns: dict[str, _Columns],
) -> None:
    """Add the facts of one taxonomy, tag and unit to the columns of their filings."""
    (taxonomy, tag, unit), fact = place, None
    try:
        for fact in values:  # millions in a run over all companies: every step here counts
            form, value = fact["form"], fact["val"]
            if form not in STATEMENT_FORMS:
                _check_text("form", form)
                continue
            accession = fact["accn"]
            if accession not in columns:
                _check_text("accn", accession)
                filings[accession] = FilingFacts(accession, form, _day(fact["filed"]))
                columns[accession] = {}
            own, key = columns[accession], (taxonomy, unit, fact.get("start"), fact["end"])
            if type(value) not in _NUMBER:  # True is an int too
                _add_odd(filings[accession], tag, key, value)
            elif key in own:
                own[key][tag] = value
            else:
                own[key] = {tag: value}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        fault = f"no {error}" if isinstance(error, KeyError) else str(error)
        sent = json.dumps(fact)[:_SHOWN_FACT_CHARS]
        raise ValueError(f"company facts: {taxonomy} {tag} in {unit}: {fault}: {sent}") from None


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is {json.dumps(value)[:_SHOWN_CHARS]}; expected a text")


def _add_odd(filing: FilingFacts, tag: str, key: tuple[str, str, str | None, str], value: object) -> None:
    taxonomy, unit, start, end = key
    if value is not None:  # a fact without a value says nothing
        filing.odd.append(OddFact(taxonomy, tag, unit, start, _day(end), value))


def _concepts(facts: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str, str], list[dict[str, Any]]]]:
    for taxonomy, tag in (("dei", _COVER), *((t, tag) for t in _TAXONOMIES for tag in facts.get(t, ()))):
        for unit, values in facts.get(taxonomy, {}).get(tag, {}).get("units", {}).items():
            yield (taxonomy, tag, unit), values


def _fill(filing: FilingFacts, columns: _Columns) -> None:
    """Add the facts of the filing's taxonomy and reporting currency: the most frequent ones."""
    taxonomies: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for (taxonomy, unit, _, _), values in columns.items():
        taxonomies[taxonomy] += len(values)
        units[unit] += len(values)
    filing.taxonomy = max(_TAXONOMIES, key=lambda name: taxonomies[name])
    filing.currency = max(sorted(filter(_is_currency, units)), key=lambda unit: units[unit], default="")
    money, kept = filing.currency, {filing.currency, f"{filing.currency}/shares", "shares"}
    tags: set[str] = set()
    amounts: list[float] = []
    for (taxonomy, unit, start, end), values in columns.items():
        day = _day(end)
        if taxonomy == "dei":
            filing.cover_counts[day] = values[_COVER]
        if taxonomy != filing.taxonomy or day > filing.filed:
            continue  # after the filing date: a typing error, nothing is reported before its period ends
        tags |= values.keys()
        if unit == money:
            amounts += values.values()
        if unit in kept and start is None:
            filing.instants.setdefault(day, {}).update(values)
        elif unit in kept:
            filing.durations.setdefault((_day(start), day), {}).update(values)
    filing.tags, filing.rounding = frozenset(tags), _rounding(amounts)


def _is_currency(unit: str) -> bool:
    return len(unit) == _CURRENCY_CHARS and unit.isalpha() and unit.isupper()


def _rounding(amounts: list[float]) -> float:
    """Return the largest power of ten that divides nine tenths of the amounts.

    >>> _rounding([1_000_000, 25_000_000, 7_000_000, 3_500_000, 10_000_000])
    100000.0
    """
    present = np.array([amount for amount in amounts if amount])
    if present.dtype != np.int64:  # numbers with decimals, or of more digits than an amount has
        present = present.astype(float)
        present = present[np.isfinite(present)]
    unit, needed = 1, -int(-present.size * _ROUNDED_SHARE // 1)
    while present.size and np.count_nonzero(present % (10 * unit) == 0) >= needed:
        unit *= 10
    return float(unit)


@lru_cache(maxsize=4096)
def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise ValueError(f"{text!r:.{_SHOWN_CHARS}} is no date; expected YYYY-MM-DD") from None
