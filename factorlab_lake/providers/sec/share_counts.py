"""Extract share counts from the cover pages and balance sheets of a company's filings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from factorlab_lake.providers.sec.company_facts import FilingFacts
from factorlab_lake.providers.sec.items import line_items_of
from factorlab_lake.providers.sec.report_columns import ReportColumn
from factorlab_lake.providers.sec.submissions import SecFiling
from factorlab_lake.schema.rules import COUNT_ROUNDING, MAX_COUNT_RATIO

__all__ = ["CountHistory", "ShareCount"]

_COVER, _BALANCE = "cover_page", "balance_sheet"
_DAYS_BEFORE_END = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class ShareCount:
    """Represent one count: its filing, source, day and number; ``refusal`` says why it is not accepted."""

    filing: SecFiling
    source: str
    as_of: date
    shares: float
    refusal: str = ""


class CountHistory:
    """Collect the share counts of a company, filing by filing in the order of publication."""

    def __init__(self) -> None:
        self.counts: list[ShareCount] = []
        self._newest: dict[tuple[str, date], float] = {}

    def add(
        self, filing: SecFiling, facts: FilingFacts, end: date | None, columns: list[ReportColumn]
    ) -> None:
        """Add the counts of a filing that say something new. ``end`` is that of the reported period."""
        cover = None
        for day, shares in sorted(facts.cover_counts.items()):
            refusal = _wrong_day(day, end, filing.filed) or _not_positive(shares)
            cover = cover if refusal else shares
            self._add(ShareCount(filing, _COVER, day, shares, refusal))
        for column in sorted((c for c in columns if c.start is None), key=lambda c: c.end):
            items = line_items_of("shares_outstanding", facts, column.facts)
            if _BALANCE in items.values:
                shares = items.values[_BALANCE]
                refusal = _not_positive(shares) or _wrong_scale(shares, cover)
                self._add(ShareCount(filing, _BALANCE, column.end, shares, refusal))

    def _add(self, count: ShareCount) -> None:
        key = (count.source, count.as_of)
        if not count.refusal:
            before = self._newest.get(key)
            if before is not None and abs(count.shares - before) <= COUNT_ROUNDING * before:
                return
            self._newest[key] = count.shares
        self.counts.append(count)


def _not_positive(shares: float) -> str:
    return "" if shares > 0 else f"{shares} is not positive; it must be above 0"


def _wrong_day(day: date, end: date | None, filed: date) -> str:
    """Return why a cover page cannot count the shares on a day: the typing errors of filers."""
    if day > filed:
        return f"day: {day} is after the filing date {filed}"
    if end is not None and day < end - _DAYS_BEFORE_END:
        return f"day: {day} is more than {_DAYS_BEFORE_END.days} days before the period's end {end}"
    return ""


def _wrong_scale(shares: float, cover: float | None) -> str:
    if cover is None or cover / MAX_COUNT_RATIO <= shares <= cover * MAX_COUNT_RATIO:
        return ""
    return f"scale: cover page says {cover:.0f}"
