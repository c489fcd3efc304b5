"""Make the company facts of a company from a few figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Values by tag of one period: (start, end), or (None, day) for a day.
Period = tuple[str | None, str]
_PER_SHARE, _SHARES = "EarningsPerShare", ("Shares", "NumberOf")


@dataclass(frozen=True)
class MadeFiling:
    """Describe a filing: its number, form, filing date, and values by period and tag.

    Amounts are in ``currency``; ``cover`` has the shares of the cover page by day.
    """

    number: int
    form: str
    filed: str
    values: Mapping[Period, Mapping[str, float]] = field(default_factory=dict)
    cover: Mapping[str, float] = field(default_factory=dict)
    currency: str = "USD"
    taxonomy: str = "us-gaap"

    @property
    def accession(self) -> str:
        """Return the accession number."""
        return f"0000000001-{self.filed[2:4]}-{self.number:06d}"

    def _facts(self) -> Iterable[tuple[str, str, str, dict[str, Any]]]:
        labels = {"accn": self.accession, "form": self.form, "filed": self.filed, "fy": None, "fp": None}
        for (start, end), values in self.values.items():
            for tag, value in values.items():
                period = {"end": end} if start is None else {"start": start, "end": end}
                yield self.taxonomy, tag, self._unit(tag), {**period, "val": value, **labels}
        for day, shares in self.cover.items():
            tag = "EntityCommonStockSharesOutstanding"
            yield "dei", tag, "shares", {"end": day, "val": shares, **labels}

    def _unit(self, tag: str) -> str:
        if _PER_SHARE in tag:
            return f"{self.currency}/shares"
        return "shares" if any(part in tag for part in _SHARES) else self.currency


def company_facts(*filings: MadeFiling) -> dict[str, Any]:
    """Return the facts of some filings as SEC serves them."""
    facts: dict[str, Any] = {}
    for filing in filings:
        for taxonomy, tag, unit, fact in filing._facts():
            concept = facts.setdefault(taxonomy, {}).setdefault(tag, {"label": None, "units": {}})
            concept["units"].setdefault(unit, []).append(fact)
    return {"cik": 1, "entityName": "Made Inc.", "facts": facts}
