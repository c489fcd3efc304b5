"""Serve SEC's documents from the sample, whole or as they were before some filing.

``true_times`` has the acceptance of each filing as New York wall time; a clock writes them as SEC may.
"""

from __future__ import annotations

import copy
import gzip
import json
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cache
from typing import IO, Any, TypeVar
from zoneinfo import ZoneInfo

from factorlab_lake.providers.sec.concepts import rules
from factorlab_lake.providers.sec.submissions import filings
from factorlab_lake.schema import STATEMENT_TABLES
from tests.support import SAMPLE

CIK = "0000320193"
_T = TypeVar("_T")
_NEW_YORK = ZoneInfo("America/New_York")


@cache
def sample(name: str) -> dict[str, Any]:
    """Return a document of the sample: ``companyfacts`` or ``submissions``. Do not change it."""
    content: dict[str, Any] = json.loads(_bytes(name))
    return content


@cache
def _bytes(name: str) -> bytes:
    return gzip.decompress((SAMPLE / "sec" / f"{name}_CIK{CIK}.json.gz").read_bytes())


class SecDocuments:
    """Hold documents by path, as the provider reads them; ``paths`` lists what it read."""

    calls_per_minute = 480.0
    calls_at_once = 2

    def __init__(self, documents: Mapping[str, bytes] | None = None, **tickers: str) -> None:
        self.documents = dict(apple() if documents is None else documents)
        self.symbols = tickers or {"AAPL": CIK}
        self.paths: list[str] = []

    def get(self, path: str, read: Callable[[bytes], _T]) -> _T | None:
        """Return what ``read`` makes of a document, None where there is none."""
        self.paths.append(path)
        body = self.documents.get(path)
        return None if body is None else read(body)

    def tickers(self) -> Mapping[str, str]:
        """Return the CIK of each symbol."""
        return self.symbols

    def announce(self, companies: int) -> int:
        """Return two calls for each company."""
        return 2

    def close(self) -> None:
        """Do nothing."""


def apple(
    accessions: Collection[str] | None = None, submissions: Mapping[str, Any] | None = None
) -> dict[str, bytes]:
    """Return Apple's documents, with the facts of some filings or of all."""
    facts = _bytes("companyfacts") if accessions is None else json.dumps(facts_of(accessions)).encode()
    main = _bytes("submissions") if submissions is None else json.dumps(submissions).encode()
    return {f"submissions/CIK{CIK}.json": main, f"api/xbrl/companyfacts/CIK{CIK}.json": facts}


def facts_of(accessions: Collection[str]) -> dict[str, Any]:
    """Return the company facts as they were when there were only some filings."""
    facts = {
        taxonomy: {tag: _concept(concept, accessions) for tag, concept in tags.items()}
        for taxonomy, tags in sample("companyfacts")["facts"].items()
    }
    return sample("companyfacts") | {"facts": facts}


def _concept(concept: Mapping[str, Any], accessions: Collection[str]) -> dict[str, Any]:
    units = {u: [f for f in each if f["accn"] in accessions] for u, each in concept["units"].items()}
    return {**concept, "units": units}


def submissions_by(clock: str) -> dict[str, Any]:
    """Return the submissions with all stamps on one clock, Z or N; ``mixed``: N for the newest 20, else Z."""
    out = copy.deepcopy(sample("submissions"))
    recent = out["filings"]["recent"]
    truth = [each.accepted for each in filings([sample("submissions")]).values()]
    recent["acceptanceDateTime"] = [
        _stamp(moment, clock if clock != "mixed" else "N" if place < 20 else "Z")
        for place, moment in enumerate(truth)
    ]
    return out


def _stamp(moment: datetime | None, clock: str) -> str:
    assert moment is not None
    if clock == "Z":
        moment = moment.replace(tzinfo=_NEW_YORK).astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


@cache
def filing_dates() -> dict[str, date]:
    """Return the filing date of each of Apple's 68 statement filings by accession, in order."""
    filed: dict[str, str] = {}
    for tags in sample("companyfacts")["facts"].values():
        for concept in tags.values():
            for facts in concept["units"].values():
                filed |= {f["accn"]: f["filed"] for f in facts if f["form"] != "8-K"}
    order = sorted(filed, key=lambda accession: (filed[accession], accession))
    return {accession: date.fromisoformat(filed[accession]) for accession in order}


def reports_in_order() -> Iterator[str]:
    """Yield the accessions of Apple's 68 statement filings by filing date."""
    yield from filing_dates()


def apple_on(day: date) -> dict[str, bytes]:
    """Return Apple's documents as they were on the evening of a day."""
    later = {accession for accession, filed in filing_dates().items() if filed > day}
    return apple(filing_dates().keys() - later, submissions_without(later))


def submissions_without(accessions: Collection[str]) -> dict[str, Any]:
    """Return the submissions as they were before some filings."""
    out = copy.deepcopy(sample("submissions"))
    recent = out["filings"]["recent"]
    kept = [place for place, each in enumerate(recent["accessionNumber"]) if each not in accessions]
    out["filings"]["recent"] = {name: [values[place] for place in kept] for name, values in recent.items()}
    return out


def in_pages(submissions: Mapping[str, Any], newest: int) -> dict[str, bytes]:
    """Return submissions as two documents: the newest filings, and a page with the older ones."""
    page = f"CIK{CIK}-submissions-001.json"
    recent = submissions["filings"]["recent"]
    older = {name: values[newest:] for name, values in recent.items()}
    main = copy.deepcopy(dict(submissions))
    main["filings"] = {
        "recent": {name: values[:newest] for name, values in recent.items()},
        "files": [{"name": page, "filingCount": len(older["form"])}],
    }
    return {
        f"submissions/CIK{CIK}.json": json.dumps(main).encode(),
        f"submissions/{page}": json.dumps(older).encode(),
    }


def copies(
    numbers: Collection[int], filings_each: int = 44, *, facts_at_least: int | None = None
) -> Iterator[tuple[str, bytes]]:
    """Yield path and document of made companies, which have the newest filings of Apple as their own.

    Company 7 is ``CIK0000000007`` with the symbol ``C7``; the first half of its accessions is its number.
    ``facts_at_least`` leaves out facts beyond this number: those of concepts that make no line item.
    """
    kept = list(reports_in_order())[-filings_each:]
    main = copy.deepcopy(sample("submissions"))
    main["filings"]["files"] = []
    documents = apple(set(kept), main)
    if facts_at_least is not None:
        thin = _with_fewer_concepts(facts_of(set(kept)), facts_at_least)
        documents[f"api/xbrl/companyfacts/CIK{CIK}.json"] = json.dumps(thin).encode()
    for number in numbers:
        cik = f"{number:010d}"
        for path, body in documents.items():
            made = body.replace(CIK.encode(), cik.encode()).replace(b'"AAPL"', f'"C{number}"'.encode())
            if "facts" in path:
                made = made.replace(b'"cik": 320193,', f'"cik": {number},'.encode())
            yield path.replace(CIK, cik), made


def count_facts(company_facts: Mapping[str, Any]) -> int:
    """Return the number of facts of a company."""
    return sum(_size(c) for tags in company_facts["facts"].values() for c in tags.values())


def _size(concept: Mapping[str, Any]) -> int:
    return sum(map(len, concept["units"].values()))


def _with_fewer_concepts(company_facts: Mapping[str, Any], facts_at_least: int) -> dict[str, Any]:
    """Return facts without the last concepts that make no line item, as long as so many facts are left."""
    tags_of_items = _tags_of_items()
    concepts = [(t, tag, c) for t, tags in company_facts["facts"].items() for tag, c in tags.items()]
    concepts.sort(key=lambda each: each[0] == "us-gaap" and each[1] not in tags_of_items)
    facts: dict[str, dict[str, Any]] = {taxonomy: {} for taxonomy in company_facts["facts"]}
    size = 0
    for taxonomy, tag, concept in concepts:
        if size < facts_at_least:
            facts[taxonomy][tag] = concept
            size += _size(concept)
    return {**company_facts, "facts": facts}


def _tags_of_items() -> set[str]:
    known = [rule for s in STATEMENT_TABLES for each in rules(s, "us-gaap").values() for rule in each]
    return {rule.tag for rule in known} | {t.name for rule in known for t in rule.terms if t.is_tag}


def zipped(documents: Iterable[tuple[str, bytes]], folder: str, file: IO[bytes]) -> None:
    """Write the documents below a path as SEC's archive of them."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path, body in documents:
            if path.startswith(f"{folder}/"):
                archive.writestr(path.removeprefix(f"{folder}/"), body)
