"""Answer the lake's requests from SEC's documents: each company is read once for all its requests."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Self

from factorlab_lake.errors import BadAnswer, EmptyAnswer, FetchFailed, LakeError, NotServed, nearest
from factorlab_lake.providers.protocol import Call, FetchResult, Offer, Request
from factorlab_lake.providers.records import frame_of
from factorlab_lake.providers.sec.company_documents import (
    Company,
    is_known_to_lake,
    parameters_of,
    records_of,
)
from factorlab_lake.providers.sec.documents import Documents, HttpDocuments, decoded
from factorlab_lake.providers.sec.endpoints import OFFERS, cik_text, facts_path, submissions_path
from factorlab_lake.providers.sec.items import is_financial
from factorlab_lake.providers.sec.parse import MAPPING_VERSION, reports
from factorlab_lake.providers.sec.submissions import filings, older_pages
from factorlab_lake.providers.sec.symbol_companies import companies_of
from factorlab_lake.schema import DATASETS, table

__all__ = ["NO_NEW_REPORT", "SecProvider"]

NO_NEW_REPORT = "no new report"  # why an answer has no records
_COMPANIES_IN_MEMORY = 4  # the symbols of one company are planned side by side


@dataclass(slots=True)
class _Slot:
    """Hold a company in memory, or why it cannot be read, and let one thread read it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    company: Company | None = None
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
        self._planned: list[Request] = []  # one for each symbol
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
        self._planned, self._calls_left = [group[0] for group in groups.values()], None
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
        """Remove companies from memory after their last planned call: they take some megabytes."""
        with self._lock:
            if self._calls_left is None:
                self._calls_left = Counter(cik for each in self._planned for cik in self._ciks_of(each))
            for cik in self._ciks_of(request):
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
        companies = [self._company(cik) for cik in self._ciks(request)]
        is_known = is_known_to_lake(request, companies)
        if request.dataset != "profile" and not is_known:
            companies = [self._company(company.cik, with_facts=True) for company in companies]
        digests = [company.digest.hexdigest() for company in companies]
        several = hashlib.sha256("".join(digests).encode()).hexdigest()
        result.fetched_at = max(company.fetched_at for company in companies)
        result.payload_sha256 = digests[0] if len(digests) == 1 else several
        result.api_calls, result.http_status = sum(company.calls for company in companies), 200
        result.endpoint = f"/{_endpoint(request, companies[-1].cik)}"
        result.parameters = json.dumps(parameters_of(request, companies), sort_keys=True)
        result.mapping = MAPPING_VERSION
        result.fields = _fields(request.dataset)
        if is_known:
            result.records, result.short = frame_of([], result), NO_NEW_REPORT
            return
        with _reading(" and ".join(submissions_path(company.cik) for company in companies)):
            records = records_of(request, companies, result)
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

    def _ciks(self, request: Request) -> list[str]:
        """Return the companies that answer a request; today's company is the last one."""
        ciks = self._ciks_of(request) or [self._cik(request)]
        return ciks[-1:] if request.dataset == "profile" else ciks

    def _ciks_of(self, request: Request) -> list[str]:
        listed = self._cik_of(request.symbol)
        ciks = [use.company_id for use in companies_of(request.uses, listed)]
        if not ciks and listed is not None:
            return [listed]
        return list(dict.fromkeys(reversed(ciks)))[::-1]

    def _cik_of(self, symbol: str) -> str | None:
        symbol = symbol.upper().strip()
        if symbol.startswith("CIK"):
            with suppress(ValueError):
                return cik_text(symbol)
        tickers = self._documents.tickers()
        spellings = (symbol, symbol.replace(".", "-").replace("/", "-"))
        return next((cik_text(tickers[each]) for each in spellings if each in tickers), None)

    def _company(self, cik: str, *, with_facts: bool = False) -> Company:
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

    def _read_submissions(self, cik: str) -> Company:
        digest, fetched_at = hashlib.sha256(), self._clock()
        submissions = self._document(submissions_path(cik), digest)
        if submissions is None:
            raise EmptyAnswer(f"SEC has no company of the Central Index Key {cik}. Check it.")
        with _reading(submissions_path(cik)):
            return Company(cik, submissions, filings([submissions], fetched_at), fetched_at, digest)

    def _with_facts(self, company: Company) -> Company:
        """Return a company with its older filings and its facts; another thread may use the first object."""
        cik, at, digest = company.cik, company.fetched_at, company.digest.copy()
        pages, known = [company.submissions], dict(company.filings)
        with _reading(submissions_path(cik)):
            paths = [submissions_path(cik, page) for page in older_pages(company.submissions)]
        for path in paths:
            older = self._document(path, digest)
            if older is not None:
                pages.append(older)
                with _reading(path):
                    known = filings([older], at) | known  # the company's own page comes first
        facts, read = self._document(facts_path(cik), digest), None
        financial = is_financial(str(company.submissions.get("sic") or ""))
        if facts is not None:
            with _reading(facts_path(cik)):
                read = reports(cik, facts, known, financial=financial, fetched_at=at)
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


def _endpoint(request: Request, cik: str) -> str:
    return submissions_path(cik) if request.dataset == "profile" else facts_path(cik)


@cache
def _fields(dataset: str) -> dict[str, str]:
    return {name: name for name in table(DATASETS[dataset]).names()}


@contextmanager
def _reading(document: str) -> Iterator[None]:
    """Turn each fault of a document into the failure of its company, which names it.

    SEC's documents have any form: one that no rule foresees must not end the run of all companies.
    """
    try:
        yield
    except (LakeError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - any fault of a document is of its company
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise BadAnswer(
            f"{document}: SEC's document has an unexpected form: {kind}{error}. Run the command again."
        ) from None
