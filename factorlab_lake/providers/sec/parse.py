"""Turn SEC's documents of a company into the records that the lake stores.

The functions are pure: they take decoded JSON and return records by the lake's columns. Fields without a
column, such as ``accession`` and ``form``, are stored in ``extra``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from factorlab_lake.providers.sec.company_facts import FilingFacts, OddFact, facts_by_filing
from factorlab_lake.providers.sec.concepts import MAPPING_VERSION, all_tags
from factorlab_lake.providers.sec.endpoints import cik_text, document_link, index_link
from factorlab_lake.providers.sec.items import ColumnItems
from factorlab_lake.providers.sec.report_columns import ReportColumn, report_columns
from factorlab_lake.providers.sec.report_forms import is_annual
from factorlab_lake.providers.sec.share_counts import CountHistory, ShareCount
from factorlab_lake.providers.sec.statement_history import Content, StatementHistory
from factorlab_lake.providers.sec.submissions import SecFiling

__all__ = ["MAPPING_VERSION", "Reports", "count_records", "odd_facts", "reports", "statement_records"]

_SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True)
class Reports:
    """Hold what the periodic reports of a company say: contents of statements, and share counts.

    ``newest`` is the filing that was published last, None without any. ``accessions`` has all filings with
    facts. ``odd`` has the facts whose value is no number, each with its filing.
    """

    cik: str
    contents: list[Content]
    counts: list[ShareCount]
    newest: SecFiling | None
    accessions: frozenset[str]
    odd: list[tuple[SecFiling, OddFact]]
    fetched_at: datetime | None = None


def reports(
    cik: str,
    company_facts: Mapping[str, Any],
    filings: Mapping[str, SecFiling],
    *,
    financial: bool = False,
    fetched_at: datetime | None = None,
) -> Reports:
    """Read all reports of a company in the order of publication.

    ``filings`` are by accession, as :func:`filings` returns them; a report that they lack counts from the day
    after its filing date. ``financial`` marks banks and insurers. No figure is on the split basis of a day
    after ``fetched_at``. A later report never changes what earlier ones said. Raises ``ValueError`` for facts
    of another form.
    """
    _check_company(company_facts, cik)
    try:
        by_filing = facts_by_filing(company_facts)
    except (TypeError, AttributeError) as error:  # of an object around the facts
        raise ValueError(f"company facts of an unexpected form ({error})") from None
    statements, counts = StatementHistory(), CountHistory()
    published = sorted(((_filing(filings, facts), facts) for facts in by_filing.values()), key=_order)
    for filing, facts in published:
        end, columns = report_columns(facts, filing.report_date)
        for column in columns:
            if statements.may_differ(filing, column):
                statements.add(filing, facts, column, _items(facts, column, financial=financial))
        counts.add(filing, facts, end, columns)
    newest = published[-1][0] if published else None
    odd = [(filing, fact) for filing, facts in published for fact in facts.odd]
    return Reports(cik, statements.contents, counts.counts, newest, frozenset(by_filing), odd, fetched_at)


def _check_company(company_facts: Mapping[str, Any], cik: str) -> None:
    """Raise ``ValueError`` for facts of another company: they would become figures of this one."""
    other = cik_text(company_facts.get("cik", ""))
    if other != cik:
        raise ValueError(f"company facts of {other} instead of {cik}")


def _filing(filings: Mapping[str, SecFiling], facts: FilingFacts) -> SecFiling:
    return filings.get(facts.accession) or SecFiling(facts.accession, facts.form, facts.filed)


def _order(published: tuple[SecFiling, FilingFacts]) -> Any:
    return published[0].order


def _items(facts: FilingFacts, column: ReportColumn, *, financial: bool) -> ColumnItems:
    opening = {} if column.start is None else facts.at(column.start - timedelta(days=1))
    instants = (opening, facts.at(column.end))
    return ColumnItems(column.statement_type, facts, column.facts, instants=instants, financial=financial)


def statement_records(
    reports: Reports, statement_type: str, *, annual: bool, since: date | None = None
) -> list[dict[str, Any]]:
    """Return one record per period and version of a statement, in the order of publication.

    Annual records are of whole fiscal years (FY), others of quarters and the year to date. ``since`` leaves
    out periods that end earlier, after the versions were made. Amounts are in ``reported_currency``.
    """
    return [
        _statement(reports, content)
        for content in reports.contents
        if content.column.statement_type == statement_type
        and (content.column.label == "FY") == annual
        and (since is None or content.end >= since)
    ]


def _statement(reports: Reports, content: Content) -> dict[str, Any]:
    cik, filing, column = reports.cik, content.filing, content.column
    return {
        "fiscal_date": content.end.isoformat(),
        "fiscal_period": column.label,
        "fiscal_year": column.fiscal_year,
        "period_start": None if column.start is None else column.start.isoformat(),
        "reported_currency": content.currency or None,
        "cik": cik,
        "link": index_link(cik, filing.accession),
        "final_link": document_link(cik, filing.accession, filing.document),
        **content.values,
        **_of_filing(reports, filing, content.end),
        **({"corrections": "; ".join(content.corrections)} if content.corrections else {}),
    }


def count_records(
    reports: Reports, *, since: date | None = None, several_classes: bool = False
) -> tuple[list[dict[str, Any]], list[tuple[int, str, str]]]:
    """Return one record per share count, and the refused counts as ``(position, reason, record)``.

    ``several_classes`` marks counts that are the total of all classes of shares.
    """
    records, refused = [], []
    for count in reports.counts:
        if since is not None and count.as_of < since:
            continue
        record = {
            "as_of_date": count.as_of.isoformat(),
            "source": count.source,
            "shares": count.shares,
            "link": index_link(reports.cik, count.filing.accession),
            **_of_filing(reports, count.filing, count.as_of),
            **({"multi_class": True} if several_classes else {}),
        }
        if count.refusal:
            refused.append((count.refusal, json.dumps(record)))
        else:
            records.append(record)
    return records, [(len(records) + i, *each) for i, each in enumerate(refused)]


def odd_facts(
    reports: Reports, dataset: str, *, annual: bool | None = None, since: date | None = None
) -> list[tuple[int, str, str]]:
    """Return the facts without a number that a dataset reads, as ``(position, reason, record)``.

    ``dataset`` is a statement type or ``shares``. Facts of annual forms belong to the annual records of a
    statement, others to the quarterly ones; without ``annual`` all belong to it.
    """
    return [
        (
            0,
            f"val: {json.dumps(fact.value)[:_SHOWN_CHARS]} of {fact.tag} is not a number",
            _sent(filing, fact),
        )
        for filing, fact in reports.odd
        if _is_read(fact, dataset)
        and annual in (None, is_annual(filing.form))
        and (since is None or fact.end >= since)
    ]


def _is_read(fact: OddFact, dataset: str) -> bool:
    if dataset == "shares":
        return fact.taxonomy == "dei" or fact.tag in all_tags("shares_outstanding", fact.taxonomy)
    return fact.taxonomy != "dei" and fact.tag in all_tags(dataset, fact.taxonomy)


def _sent(filing: SecFiling, fact: OddFact) -> str:
    text = json.dumps(fact.value)
    record = {
        "tag": f"{fact.taxonomy}:{fact.tag}",
        "unit": fact.unit,
        "start": fact.start,
        "end": fact.end.isoformat(),
        "val": fact.value if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS],
        "filing_date": filing.filed.isoformat(),
        "accession": filing.accession,
        "form": filing.form,
    }
    return json.dumps(record)


def _of_filing(reports: Reports, filing: SecFiling, end: date) -> dict[str, Any]:
    """Return what all records of a filing have in common; its figures are as filed.

    The merge moves an impossible acceptance to ``extra``.
    """
    accepted = filing.accepted or filing.impossible_acceptance
    return {
        "filing_date": filing.filed.isoformat(),
        "accepted_at": None if accepted is None else accepted.isoformat(sep=" "),
        "split_basis_date": filing.split_basis_date(end, reports.fetched_at).isoformat(),
        "accession": filing.accession,
        "form": filing.form,
    }
