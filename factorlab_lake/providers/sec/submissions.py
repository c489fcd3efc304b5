"""Read a company and its filings from SEC's submissions: the main page and the pages of older filings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from factorlab_lake.providers.sec.acceptance import acceptance_times
from factorlab_lake.schema.rules import MAX_HOURS_AFTER_FETCH

__all__ = ["SecFiling", "filings", "older_pages"]

_NEW_YORK = ZoneInfo("America/New_York")
_FIRST_ELECTRONIC = date(1996, 1, 1)  # before, stamps are no acceptance times
_NEEDED = ("accessionNumber", "filingDate", "form")
_OPTIONAL = ("acceptanceDateTime", "reportDate", "primaryDocument", "isXBRL")
_SHOWN_CHARS = 40


@dataclass(frozen=True, slots=True)
class SecFiling:
    """Describe one filing: form, dates, main document, and whether it has tagged facts.

    ``accepted`` is naive New York wall time, None where submissions do not know it; a time after the fetch
    is ``impossible_acceptance``. ``report_date`` is the end of the reported period, None for filings
    without one.
    """

    accession: str
    form: str
    filed: date
    report_date: date | None = None
    accepted: datetime | None = None
    document: str = ""
    is_tagged: bool = True
    impossible_acceptance: datetime | None = None

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

    def split_basis_date(self, end: date, fetched_at: datetime | None = None) -> date:
        """Return the day whose splits the filing's figures of a period include.

        It is the day of the acceptance, else the filing date. A day before the period's ``end`` or after the
        fetch is impossible; without a possible one it is ``end``.

        >>> filing = SecFiling("0000320193-20-000096", "10-K", date(2020, 10, 30))
        >>> filing.split_basis_date(date(2020, 9, 26)).isoformat()
        '2020-10-30'
        >>> filing.split_basis_date(date(2020, 9, 26), datetime(2020, 10, 1, tzinfo=UTC)).isoformat()
        '2020-09-26'
        """
        latest = date.max if fetched_at is None else _latest(fetched_at).date()
        days = (self.filed,) if self.accepted is None else (self.accepted.date(), self.filed)
        return next((day for day in days if end <= day <= latest), end)

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


def filings(pages: Sequence[Mapping[str, Any]], fetched_at: datetime | None = None) -> dict[str, SecFiling]:
    """Return the filings of all pages by accession number.

    The first page is the company's own, the others are its older filings. Each page is a file with a clock of
    its own. An acceptance after ``fetched_at`` counts as unknown, and a filing with no possible day is left
    out. Raises ``ValueError`` for a page of another form, and for a row without accession, form or filing
    date.
    """
    out: dict[str, SecFiling] = {}
    for page in pages:
        columns = page
        if "filings" in page:
            columns = _member(_member(page, "filings"), "recent")
        for filing in _filings_of(columns):
            possible = filing if fetched_at is None else _possible(filing, _latest(fetched_at))
            if possible is not None:
                out.setdefault(possible.accession, possible)
    return out


def _latest(fetched_at: datetime) -> datetime:
    return fetched_at + timedelta(hours=MAX_HOURS_AFTER_FETCH)


def _possible(filing: SecFiling, latest: datetime) -> SecFiling | None:
    """Return a filing without an acceptance in the future; None where its filing date is there too.

    Such a filing would be the newest one for ever. Its facts have a filing date of their own.
    """
    if filing.accepted is not None and filing.public_at > latest:
        filing = replace(filing, accepted=None, impossible_acceptance=filing.accepted)
    return None if filing.accepted is None and filing.filed > latest.date() else filing


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
    if any(len(lists[name]) != count for name in (*_NEEDED, *_OPTIONAL) if name in lists):
        raise ValueError("submissions whose columns have different lengths")
    for name in _NEEDED:
        _check_texts(name, lists[name])
    blank = [""] * count
    filed = [_filing_date(text, place) for place, text in enumerate(lists["filingDate"])]
    stamps = list(zip(lists.get("acceptanceDateTime", blank), filed, lists["form"], strict=True))
    tagged = lists.get("isXBRL", [1] * count)
    return [
        SecFiling(
            accession=accession,
            form=form,
            filed=day,
            report_date=_day(report),
            accepted=None if day < _FIRST_ELECTRONIC else accepted,
            document=document if isinstance(document, str) else "",
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


def _check_texts(name: str, values: list[Any]) -> None:
    """Raise ``ValueError`` for a value that is no text: SEC has another form, or a damaged row."""
    place = next((i for i, value in enumerate(values) if not isinstance(value, str) or not value), None)
    if place is not None:
        shown = json.dumps(values[place])[:_SHOWN_CHARS]
        raise ValueError(f"submissions with the {name} {shown} in row {place + 1}; expected a text")


def _filing_date(text: str, place: int) -> date:
    day = _day(text)
    if day is None:
        raise ValueError(
            f"submissions with the filingDate {text[:_SHOWN_CHARS]!r} in row {place + 1}; expected YYYY-MM-DD"
        )
    return day


def _day(text: object) -> date | None:
    try:
        return date.fromisoformat(text) if isinstance(text, str) and text else None
    except ValueError:
        return None
