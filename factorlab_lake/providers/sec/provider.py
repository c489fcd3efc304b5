"""Answer the lake's requests from SEC's documents: each company is read once for all its requests."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Self

from factorlab_lake.errors import BadAnswer, EmptyAnswer, FetchFailed, NotServed, nearest
from factorlab_lake.providers.protocol import Call, FetchResult, Offer, Request
from factorlab_lake.providers.records import frame_of
from factorlab_lake.providers.sec.documents import Documents, HttpDocuments, decoded
from factorlab_lake.providers.sec.endpoints import OFFERS, cik_text, facts_path, submissions_path
from factorlab_lake.providers.sec.items import is_financial
from factorlab_lake.providers.sec.parse import (
    MAPPING_VERSION,
    Reports,
    count_records,
    reports,
    statement_records,
)
from factorlab_lake.providers.sec.profiles import has_several_classes, profile_record
from factorlab_lake.providers.sec.report_forms import STATEMENT_FORMS
from factorlab_lake.providers.sec.submissions import SecFiling, filings, older_pages
from factorlab_lake.schema import DATASETS, table

__all__ = ["NO_NEW_REPORT", "SecProvider"]

NO_NEW_REPORT = "no new report"  # why an answer has no records
_COMPANIES_IN_MEMORY = 4  # the symbols of one company are planned side by side


@dataclass(slots=True)
class _Company:
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


@dataclass(slots=True)
class _Slot:
    """Hold a company in memory, or why it cannot be read, and let one thread read it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    company: _Company | None = None
    fault: FetchFailed | None = None


def _now() -> datetime:
    return datetime.now(UTC)


class SecProvider:
    """Fetch statements, share counts and profiles from SEC. Several threads use one object at once.

    ``documents`` reads SEC's documents; the default reads them over HTTP with the settings of the environment
    (``SEC_USER_AGENT`` and others). ``clock`` returns aware times, ``timer`` monotonic seconds. A symbol is a
    ticker, or a Central Index Key such as ``CIK0000320193``.
    """

    name = "sec"

    def __init__(
        self,
        documents: Documents | None = None,
        *,
        clock: Callable[[], datetime] = _now,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._documents = documents or HttpDocuments(clock=clock, timer=timer)
        self._clock, self._timer = clock, timer
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._planned: list[str] = []
        self._calls_left: Counter[str] | None = None  # by CIK, of the planned symbols
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Show where the documents come from."""
        return f"SecProvider({self._documents!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def datasets(self) -> Mapping[str, Offer]:
        """Return the offers by the lake's names of datasets."""
        return OFFERS

    @property
    def calls_per_minute(self) -> float:
        """Return the largest number of API calls in a minute, all threads together."""
        return self._documents.calls_per_minute

    @property
    def calls_at_once(self) -> int:
        """Return the largest number of threads that should call the provider."""
        return self._documents.calls_at_once

    def plan(self, requests: Sequence[Request]) -> list[Call]:
        """Combine all requests of one symbol; its documents answer them together.

        Many symbols without earlier data are read from SEC's archives of all companies.
        """
        with self._lock:
            self._slots.clear()  # a plan begins a run, and an earlier run's documents are out of date
        groups: dict[str, list[Request]] = {}
        for request in requests:
            groups.setdefault(request.symbol.upper(), []).append(request)
        self._planned, self._calls_left = list(groups), None
        in_full = {r.symbol.upper() for r in requests if r.dataset != "profile" and not r.last_parameters}
        calls = self._documents.announce(len(in_full))
        return [Call(tuple(group), calls) for group in groups.values()]

    def answer(self, call: Call) -> list[FetchResult]:
        """Make a call and return one result per request; a failed one has a ``fault``."""
        results = [self._answer(request) for request in call.requests]
        # The documents were read once for all results. Each counts one call, and the first one the others.
        results[0].api_calls = max(1, results[0].api_calls - len(results) + 1)
        for result in results[1:]:
            result.api_calls = min(1, result.api_calls)
        if results[0].fault is None:
            self._release(call.requests[0])
        return results

    def _release(self, request: Request) -> None:
        """Remove a company from memory after the call of its last planned symbol: it takes some megabytes."""
        cik = self._cik(request)
        with self._lock:
            if self._calls_left is None:
                self._calls_left = Counter(filter(None, map(self._cik_of, self._planned)))
            self._calls_left[cik] -= 1
            if self._calls_left[cik] == 0:
                self._slots.pop(cik, None)

    def listed_symbols(self) -> list[str]:
        """Return all symbols of SEC's list, the largest companies first; it takes one call.

        Companies that are no longer listed have no symbol there.
        """
        return list(self._documents.tickers())

    def close(self) -> None:
        """Close the connections; waiting calls of other threads fail at once."""
        self._documents.close()

    def _answer(self, request: Request) -> FetchResult:
        started = self._timer()
        result = FetchResult(
            fetch_id="",
            dataset=request.dataset,
            symbol=request.symbol,
            fetched_at=self._clock(),
            provider=self.name,
            endpoint="",
            parameters="{}",
            records=None,
            period=request.period,
        )
        try:
            _check(request)
            self._fill(result, request)
        except FetchFailed as error:
            error.__context__ = error.__cause__ = None
            result.fault, result.error, result.records = error.with_traceback(None), str(error), None
        result.duration_ms = (self._timer() - started) * 1000
        result.fetch_id = result.identify()
        return result

    def _fill(self, result: FetchResult, request: Request) -> None:
        company = self._company(self._cik(request))
        is_known = _is_known(request, company)
        if request.dataset != "profile" and not is_known:
            company = self._company(company.cik, with_facts=True)
        result.fetched_at, result.payload_sha256 = company.fetched_at, company.digest.hexdigest()
        result.api_calls, result.http_status = company.calls, 200
        result.endpoint = f"/{_endpoint(request, company.cik)}"
        result.parameters = json.dumps(_parameters(request, company), sort_keys=True)
        result.mapping = MAPPING_VERSION
        result.fields = _fields(request.dataset)
        if is_known:
            result.records, result.short = frame_of([], result), NO_NEW_REPORT
            return
        records = _records(request, company, result)
        result.records = frame_of(records, result)
        if not records and not result.broken and request.start is None:
            raise EmptyAnswer(
                f"{request.label}: the company has no reports with tagged figures of this kind."
            )

    def _cik(self, request: Request) -> str:
        """Return the Central Index Key of a symbol: a class is BRK-B for SEC, BRK.B or BRK/B elsewhere."""
        cik = self._cik_of(request.symbol)
        if cik is not None:
            return cik
        symbol = request.symbol.upper().strip()
        raise EmptyAnswer(
            f"{request.label}: SEC lists no such symbol.{nearest(symbol, self._documents.tickers())} A "
            "company that is no longer listed has its Central Index Key only: pass it, such as CIK0000320193."
        )

    def _cik_of(self, symbol: str) -> str | None:
        symbol = symbol.upper().strip()
        if symbol.startswith("CIK"):
            with suppress(ValueError):
                return cik_text(symbol)
        tickers = self._documents.tickers()
        spellings = (symbol, symbol.replace(".", "-").replace("/", "-"))
        return next((cik_text(tickers[each]) for each in spellings if each in tickers), None)

    def _company(self, cik: str, *, with_facts: bool = False) -> _Company:
        """Return a company, from memory where one of the last calls read it."""
        with self._lock:
            slot = self._slots.setdefault(cik, _Slot())
            self._slots.move_to_end(cik)
            while len(self._slots) > _COMPANIES_IN_MEMORY * max(1, self.calls_at_once):
                self._slots.popitem(last=False)
        with slot.lock:
            if slot.fault and (with_facts or slot.company is None):
                raise slot.fault.with_traceback(None)  # the tries of the other requests would fail alike
            try:
                slot.company = slot.company or self._read_submissions(cik)
                if with_facts and not slot.company.has_read_facts:
                    slot.company = self._with_facts(slot.company)
            except FetchFailed as fault:
                slot.fault = fault
                raise
            return slot.company

    def _read_submissions(self, cik: str) -> _Company:
        digest, fetched_at = hashlib.sha256(), self._clock()
        submissions = self._document(submissions_path(cik), digest)
        if submissions is None:
            raise EmptyAnswer(f"SEC has no company of the Central Index Key {cik}. Check it.")
        try:
            return _Company(cik, submissions, filings([submissions]), fetched_at, digest)
        except ValueError as error:
            raise _bad(cik, error) from None

    def _with_facts(self, company: _Company) -> _Company:
        """Return a company with its older filings and its facts; another thread may use the first object."""
        pages, digest = [company.submissions], company.digest.copy()
        try:
            for page in older_pages(company.submissions):
                older = self._document(submissions_path(company.cik, page), digest)
                pages += [] if older is None else [older]
            known = filings(pages)
            facts = self._document(facts_path(company.cik), digest)
            financial = is_financial(str(company.submissions.get("sic") or ""))
            read = None if facts is None else reports(company.cik, facts, known, financial=financial)
        except ValueError as error:
            raise _bad(company.cik, error) from None
        return replace(
            company, filings=known, digest=digest, calls=1 + len(pages), reports=read, has_read_facts=True
        )

    def _document(self, path: str, digest: Any) -> dict[str, Any] | None:
        def read(body: bytes) -> tuple[dict[str, Any], bytes]:
            return decoded(body, path), hashlib.sha256(body).digest()

        answer = self._documents.get(path, read)
        if answer is None:
            return None
        digest.update(answer[1])
        return answer[0]


def _check(request: Request) -> None:
    """Raise :class:`NotServed` for a request that SEC cannot answer."""
    if request.dataset not in OFFERS:
        raise NotServed(
            f"{request.label}: SEC has no such dataset.{nearest(request.dataset, OFFERS)} "
            f"Known are {', '.join(OFFERS)}."
        )
    if OFFERS[request.dataset].periods and request.period is None:
        raise NotServed(f"{request.label}: the period is missing; pass quarterly or annual.")


def _records(request: Request, company: _Company, result: FetchResult) -> list[dict[str, Any]]:
    """Return the records of a request; the result gets the refused ones."""
    if request.dataset == "profile":
        return [profile_record(company.submissions, request.symbol)]
    if company.reports is None:
        return []
    result.short = _missing_facts(company, company.reports)
    if request.dataset == "shares":
        several = has_several_classes(company.submissions)
        records, result.broken = count_records(company.reports, since=request.start, several_classes=several)
        return records
    annual = request.period == "annual"
    return statement_records(company.reports, request.dataset, annual=annual, since=request.start)


def _missing_facts(company: _Company, read: Reports) -> str | None:
    """Return what is missing where the newest report is in the submissions, and not yet in the facts."""
    newest = company.newest
    if newest is None or newest.accession in read.accessions:
        return None
    return f"the facts of {newest.accession} ({newest.form} of {newest.filed}) are not there yet"


def _is_known(request: Request, company: _Company) -> bool:
    """Return whether the lake has all reports of a company, by the same mapping of tags."""
    if request.last_parameters is None or request.dataset == "profile" or company.newest is None:
        return False
    last = json.loads(request.last_parameters)
    known = (last.get("cik"), last.get("mapping"), last.get("accession"))
    return known == (company.cik, MAPPING_VERSION, company.newest.accession)


def _endpoint(request: Request, cik: str) -> str:
    return submissions_path(cik) if request.dataset == "profile" else facts_path(cik)


def _parameters(request: Request, company: _Company) -> dict[str, str]:
    """Return what the fetch log keeps: the company, the mapping, and the newest report that the lake has."""
    newest = company.reports.newest if company.reports else None
    if _is_known(request, company):
        newest = company.newest
    known = {} if newest is None else {"accession": newest.accession}
    return {"cik": company.cik, "mapping": MAPPING_VERSION} | known


@cache
def _fields(dataset: str) -> dict[str, str]:
    return {name: name for name in table(DATASETS[dataset]).names()}


def _bad(what: str, error: ValueError) -> BadAnswer:
    return BadAnswer(f"{what}: SEC's document has an unexpected form: {error}. Run the command again.")
