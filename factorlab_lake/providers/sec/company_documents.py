"""Hold what SEC's documents of a company say, and turn those of a symbol's companies into records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from factorlab_lake.providers.protocol import FetchResult, Request, SymbolUse
from factorlab_lake.providers.sec.parse import (
    MAPPING_VERSION,
    Reports,
    count_records,
    odd_facts,
    statement_records,
)
from factorlab_lake.providers.sec.profiles import has_several_classes, profile_record
from factorlab_lake.providers.sec.report_forms import STATEMENT_FORMS
from factorlab_lake.providers.sec.submissions import SecFiling
from factorlab_lake.providers.sec.symbol_companies import companies_of, lies_under

__all__ = ["Company", "is_known_to_lake", "parameters_of", "records_of"]


@dataclass(slots=True)
class Company:
    """Hold what the documents of a company say: the submissions, and once read the facts.

    ``filings`` are those of the pages read so far. ``reports`` is None for a company without facts. ``calls``
    counts the documents read, and ``digest`` is the hash of all of them.
    """

    cik: str
    submissions: Mapping[str, Any]
    filings: Mapping[str, SecFiling]
    fetched_at: datetime
    digest: Any
    calls: int = 1
    reports: Reports | None = None
    has_read_facts: bool = False

    @property
    def newest(self) -> SecFiling | None:
        """Return the newest periodic report with tagged facts in the submissions."""
        tagged = [f for f in self.filings.values() if f.form in STATEMENT_FORMS and f.is_tagged]
        return max(tagged, key=lambda filing: filing.order, default=None)


def records_of(request: Request, companies: list[Company], result: FetchResult) -> list[dict[str, Any]]:
    """Return the records of a request; the result gets the refused ones."""
    if request.dataset == "profile":
        return [profile_record(companies[-1].submissions, request.symbol)]
    uses = companies_of(request.uses, companies[-1].cik) if len(companies) > 1 else []
    reported = [use for use in uses if any(_published(company, use) for company in companies)]
    records: list[dict[str, Any]] = []
    for company in companies:
        if company.reports is None:
            continue
        result.short = result.short or _missing_facts(company, company.reports)
        own, refused = _own_records(request, company, company.reports)
        records += [r for r in own if lies_under(company.cik, _filed(r), uses, reported)]
        result.broken += [
            (0, why, text)
            for _, why, text in refused
            if lies_under(company.cik, _filed(json.loads(text)), uses, reported)
        ]
    result.broken = [(len(records) + i, why, text) for i, (_, why, text) in enumerate(result.broken)]
    return records


def _own_records(
    request: Request, company: Company, read: Reports
) -> tuple[list[dict[str, Any]], list[tuple[int, str, str]]]:
    if request.dataset == "shares":
        several = has_several_classes(company.submissions)
        records, refused = count_records(read, since=request.start, several_classes=several)
        return records, refused + odd_facts(read, "shares", since=request.start)
    annual = request.period == "annual"
    records = statement_records(read, request.dataset, annual=annual, since=request.start)
    return records, odd_facts(read, request.dataset, annual=annual, since=request.start)


def _filed(record: Mapping[str, Any]) -> date:
    return date.fromisoformat(record["filing_date"])


def _published(company: Company, use: SymbolUse) -> bool:
    """Return whether a company published a report while it used the symbol."""
    contents = company.reports.contents if company.reports else []
    return company.cik == use.company_id and any(use.covers(content.filing.filed) for content in contents)


def _missing_facts(company: Company, read: Reports) -> str | None:
    """Return what is missing where the newest report is in the submissions, and not yet in the facts."""
    newest = company.newest
    if newest is None or newest.accession in read.accessions:
        return None
    return f"the facts of {newest.accession} ({newest.form} of {newest.filed}) are not there yet"


def is_known_to_lake(request: Request, companies: list[Company]) -> bool:
    """Return whether the lake has all reports of the companies, by the same mapping of tags."""
    newest = [company.newest for company in companies]
    if request.last_parameters is None or request.dataset == "profile" or None in newest:
        return False
    last = json.loads(request.last_parameters)
    known = (last.get("cik"), last.get("mapping"), last.get("accession"))
    return known == (_joined_ciks(companies), MAPPING_VERSION, _joined_accessions(newest))


def _joined_ciks(companies: list[Company]) -> str:
    return ",".join(company.cik for company in companies)


def _joined_accessions(newest: Iterable[SecFiling | None]) -> str:
    return ",".join("" if filing is None else filing.accession for filing in newest)


def parameters_of(request: Request, companies: list[Company]) -> dict[str, str]:
    """Return what the fetch log keeps: the companies, the mapping, and their newest reports in the lake."""
    newest = [company.reports.newest if company.reports else None for company in companies]
    if is_known_to_lake(request, companies):
        newest = [company.newest for company in companies]
    known = {"accession": _joined_accessions(newest)} if any(newest) else {}
    return {"cik": _joined_ciks(companies), "mapping": MAPPING_VERSION} | known
