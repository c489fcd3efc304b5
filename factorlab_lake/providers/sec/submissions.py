"""Read a company and its filings from SEC's submissions: the main page and the pages of older filings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from factorlab_lake.providers.sec.acceptance import acceptance_times

__all__ = ["SecFiling", "filings", "older_pages"]

_NEW_YORK = ZoneInfo("America/New_York")
_FIRST_ELECTRONIC = date(1996, 1, 1)  # before, stamps are no acceptance times
_NEEDED = ("accessionNumber", "filingDate", "form")


@dataclass(frozen=True, slots=True)
class SecFiling:
    """Describe one filing: form, dates, main document, and whether it has tagged facts.

    ``accepted`` is naive New York wall time, None where submissions do not know it. ``report_date`` is the
    end of the reported period, None for filings without one.
    """

    accession: str
    form: str
    filed: date
    report_date: date | None = None
    accepted: datetime | None = None
    document: str = ""
    is_tagged: bool = True

    @property
    def public_at(self) -> datetime:
        """Return the time from which the filing counts: acceptance, else the end of its filing date.

        >>> from datetime import date
        >>> SecFiling("0000320193-20-000096", "10-K", date(2020, 10, 30)).public_at.isoformat()
        '2020-10-31T00:00:00+00:00'
        """
        if self.accepted is not None:
            return self.accepted.replace(tzinfo=_NEW_YORK).astimezone(UTC)
        return datetime(self.filed.year, self.filed.month, self.filed.day, tzinfo=UTC) + timedelta(days=1)

    @property
    def split_basis_date(self) -> date:
        """Return the day whose splits the filing's counts and per-share figures include."""
        return self.filed if self.accepted is None else self.accepted.date()

    @property
    def order(self) -> tuple[datetime, str]:
        """Return the key that sorts filings by publication; accessions order those of one moment."""
        return self.public_at, self.accession


def older_pages(submissions: Mapping[str, Any]) -> list[str]:
    """Return the file names of the pages with a company's older filings.

    >>> older_pages({"filings": {"files": [{"name": "CIK0000320193-submissions-001.json"}]}})
    ['CIK0000320193-submissions-001.json']
    """
    files = _member(submissions, "filings").get("files") or []
    return [str(file["name"]) for file in files if isinstance(file, Mapping) and file.get("name")]


def filings(pages: Sequence[Mapping[str, Any]]) -> dict[str, SecFiling]:
    """Return the filings of all pages by accession number.

    The first page is the company's own, the others are its older filings. Each page is a file with a clock of
    its own. Raises ``ValueError`` for a page of another form.
    """
    out: dict[str, SecFiling] = {}
    for page in pages:
        columns = page
        if "filings" in page:
            columns = _member(_member(page, "filings"), "recent")
        for filing in _filings_of(columns):
            out.setdefault(filing.accession, filing)
    return out


def _member(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    member = value.get(name)
    if not isinstance(member, Mapping):
        raise ValueError(f"submissions without the object {name!r}")  # noqa: TRY004
    return member


def _filings_of(columns: Mapping[str, Any]) -> list[SecFiling]:
    lists = {name: columns[name] for name in columns if isinstance(columns[name], list)}
    missing = [name for name in _NEEDED if name not in lists]
    if missing:
        raise ValueError(f"submissions without the column {missing[0]!r}")
    count = len(lists["accessionNumber"])
    if any(len(lists[name]) != count for name in _NEEDED):
        raise ValueError("submissions whose columns have different lengths")
    blank = [""] * count
    filed = [date.fromisoformat(text) for text in lists["filingDate"]]
    stamps = list(zip(lists.get("acceptanceDateTime", blank), filed, lists["form"], strict=True))
    tagged = lists.get("isXBRL", [1] * count)
    return [
        SecFiling(
            accession=accession,
            form=form,
            filed=day,
            report_date=_day(report),
            accepted=None if day < _FIRST_ELECTRONIC else accepted,
            document=document or "",
            is_tagged=bool(is_tagged),
        )
        for accession, form, day, report, accepted, document, is_tagged in zip(
            lists["accessionNumber"],
            lists["form"],
            filed,
            lists.get("reportDate", blank),
            acceptance_times(stamps),
            lists.get("primaryDocument", blank),
            tagged,
            strict=True,
        )
    ]


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
