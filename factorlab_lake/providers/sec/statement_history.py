"""Decide which columns of a company's filings are new versions of a statement.

A fact is repeated by later filings, mostly unchanged or cut into other lines. A column is a new version where
core items differ, or where only shares and per-share items do (a split).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from factorlab_lake.providers.sec.company_facts import FilingFacts
from factorlab_lake.providers.sec.items import ColumnItems
from factorlab_lake.providers.sec.report_columns import ReportColumn
from factorlab_lake.providers.sec.report_forms import is_amendment
from factorlab_lake.providers.sec.submissions import SecFiling
from factorlab_lake.schema import STATEMENT_TABLES, table
from factorlab_lake.schema.rules import COUNT_ROUNDING, PER_SHARE_ROUNDING, SAME_PERIOD_DAYS

__all__ = ["Content", "StatementHistory"]


@dataclass(slots=True)
class Content:
    """Hold one content of a statement: the filing that published it, and its items.

    ``end`` is that of the first filing of the period. ``rounding`` is the filing's.
    """

    filing: SecFiling
    column: ReportColumn
    end: date
    currency: str
    values: dict[str, float]
    tagged: frozenset[str]
    rounding: float
    corrections: tuple[str, ...] = ()


class StatementHistory:
    """Collect the contents of all statements of a company, filing by filing in the order of publication."""

    def __init__(self) -> None:
        self.contents: list[Content] = []
        self._newest: dict[tuple[str, str, date], Content] = {}

    def may_differ(self, filing: SecFiling, column: ReportColumn) -> bool:
        """Return whether a column can be a version: no earlier one, its own period, or the year before.

        An amendment can also change what is older.
        """
        return column.years_back <= 1 or is_amendment(filing.form) or self._key(column) not in self._newest

    def add(self, filing: SecFiling, facts: FilingFacts, column: ReportColumn, items: ColumnItems) -> None:
        """Add a column as an original or a new version, or leave it out where it says nothing new."""
        key = self._key(column)
        before = self._newest.get(key)
        if before is not None and not _is_news(column.statement_type, before, items, facts.rounding):
            return
        read = items.items()
        if not read.values:
            return
        content = Content(
            filing,
            column,
            key[2],
            facts.currency,
            read.values,
            read.tagged,
            facts.rounding,
            read.corrections,
        )
        if before is not None and before.currency == facts.currency:
            content.values = before.values | read.values
            content.tagged = (before.tagged - read.values.keys()) | read.tagged
        self._newest[key] = content
        self.contents.append(content)

    def _key(self, column: ReportColumn) -> tuple[str, str, date]:
        """Return the key of a column: the end is that of the first filing of nearly the same period."""
        for days in range(SAME_PERIOD_DAYS + 1):
            for near in {column.end.toordinal() + days, column.end.toordinal() - days}:
                key = (column.statement_type, column.label, date.fromordinal(near))
                if key in self._newest:
                    return key
        return (column.statement_type, column.label, column.end)


def _is_news(statement_type: str, before: Content, items: ColumnItems, rounding: float) -> bool:
    """Return whether a core item is one tagged fact in both contents and differs beyond rounding."""
    unit, kinds = max(before.rounding, rounding), _kinds(statement_type)
    now = items.items(_core(statement_type))  # the other items decide nothing, and take most of the time
    return any(
        abs(now.values[item] - (old := before.values[item])) > _allowed(kinds[item], old, unit)
        for item in before.tagged & now.tagged
    )


def _allowed(kind: str, value: float, unit: float) -> float:
    """Return the largest difference that is rounding: one unit of the coarser filing."""
    if kind == "per_share":
        return PER_SHARE_ROUNDING
    # A million may be a tenth of a count.
    return min(unit, COUNT_ROUNDING * abs(value)) if kind == "shares" else unit


@cache
def _core(statement_type: str) -> frozenset[str]:
    return frozenset(c.name for c in table(STATEMENT_TABLES[statement_type]).columns if c.core)


@cache
def _kinds(statement_type: str) -> Mapping[str, str]:
    return {c.name: c.additive for c in table(STATEMENT_TABLES[statement_type]).columns}
