"""Define what a provider of data offers, how it is called, and what it returns.

The entry points ``factorlab_lake.providers`` list the providers by name; a package of its own can register
another vendor there. The suite ``tests/contracts/providers.py`` tests what every provider must do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol

import polars as pl

from factorlab_lake.errors import FetchFailed

__all__ = ["Call", "FetchResult", "Offer", "Period", "Provider", "Request", "SymbolUse"]

Period = Literal["quarterly", "annual"]


@dataclass(frozen=True, slots=True)
class Offer:
    """Describe a dataset that a provider has.

    ``periods``: the periods that need a request each. ``ranged``: the provider respects ``start`` and ``end``
    of a request; else it returns everything, or the newest part. ``complete``: a later answer has the whole
    history at no more cost, so that a restatement of any earlier period is in it.
    """

    periods: tuple[Period, ...] = ()
    ranged: bool = False
    complete: bool = False


@dataclass(frozen=True, slots=True)
class SymbolUse:
    """Represent a row of ``symbol_history``: a company uses a symbol from a day until before another day.

    ``company_id`` is text such as a Central Index Key; ``valid_to`` is None while the use lasts.
    """

    company_id: str
    valid_from: date
    valid_to: date | None = None

    def covers(self, day: date) -> bool:
        """Return whether the company uses the symbol on a day.

        >>> SymbolUse("0000320193", date(2020, 1, 1), date(2021, 1, 1)).covers(date(2021, 1, 1))
        False
        """
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True, slots=True)
class Request:
    """Request a dataset of a symbol: one period, and records dated from ``start`` to ``end``.

    Without ``start`` the provider goes back as far as it can; without ``end`` it goes to the newest record.
    ``last_parameters`` are the JSON parameters of the newest result of this kind that the lake has, where the
    request needs newer records only. A provider may then compare cheaply, and return no records.
    ``uses`` are the companies that used the symbol, in the order of their days, where the lake's
    ``symbol_history`` names some; a provider that keeps figures by company takes those.
    """

    dataset: str
    symbol: str
    period: Period | None = None
    start: date | None = None
    end: date | None = None
    last_parameters: str | None = None
    uses: tuple[SymbolUse, ...] = ()

    @property
    def label(self) -> str:
        """Return how messages name the request.

        >>> Request("income", "AAPL", "annual").label
        "annual income of 'AAPL'"
        """
        return f"{' '.join(filter(None, (self.period, self.dataset)))} of {self.symbol!r}"


@dataclass(frozen=True, slots=True)
class Call:
    """Combine requests that the provider answers together; ``calls`` is the least number of API calls."""

    requests: tuple[Request, ...]
    calls: int = 1


@dataclass(slots=True)
class FetchResult:
    """Hold the raw records that a provider, or the old cache, returned for one request, and their source.

    ``records`` is None when the response could not be read. ``error`` then has the message, and ``fault`` the
    typed error of a provider. ``broken`` lists records that are no JSON objects, as ``(position, reason,
    text)``. ``fields`` maps the provider's fields to the lake's columns; None means FMP's map. ``mapping``
    names the version of that map where the provider has one. ``short`` says what a successful response lacks.
    ``parameters`` are JSON without secrets.
    """

    fetch_id: str
    dataset: str
    symbol: str
    fetched_at: datetime
    provider: str
    endpoint: str
    parameters: str
    records: pl.DataFrame | None
    period: str | None = None
    fields: Mapping[str, str] | None = None
    mapping: str | None = None
    error: str | None = None
    fault: FetchFailed | None = None
    short: str | None = None
    payload_sha256: str | None = None
    http_status: int | None = None
    api_calls: int = 0
    duration_ms: float = 0.0
    broken: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Return the number of records, valid or not."""
        return (0 if self.records is None else self.records.height) + len(self.broken)

    def identify(self) -> str:
        """Return a hash of the request, the time and the response: one fetch is one row of the log."""
        facts = (
            self.provider,
            self.endpoint,
            self.parameters,
            self.dataset,
            self.symbol,
            self.period,
            self.payload_sha256,
            self.fetched_at.isoformat(),
        )
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


class Provider(Protocol):
    """Define a vendor of data. Several threads use one object at once."""

    @property
    def name(self) -> str:
        """Return the provider's name in the column ``source_provider``."""

    @property
    def datasets(self) -> Mapping[str, Offer]:
        """Return the offers by the lake's names of datasets (``factorlab_lake.schema.DATASETS``)."""

    @property
    def calls_per_minute(self) -> float:
        """Return the largest number of API calls in a minute, all threads together."""

    @property
    def calls_at_once(self) -> int:
        """Return the largest number of threads that should call the provider."""

    def plan(self, requests: Sequence[Request]) -> list[Call]:
        """Combine requests into few calls; each request is in exactly one call. Makes no API call."""

    def answer(self, call: Call) -> list[FetchResult]:
        """Make a call and return one result per request, in their order.

        A failed request does not raise. Its result has a typed ``fault`` and the message in ``error``, both
        without secrets. The provider respects its rate limit and retries temporary errors, so a returned
        ``fault`` is final for this run.
        """

    def close(self) -> None:
        """Close the connections; waiting calls fail at once. Nothing uses the provider afterwards."""
