"""FMP's endpoints, read from ``endpoints.csv``, and the questions that are put to them."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from urllib.parse import quote

from factorlab_lake.providers.protocol import Offer, Request

__all__ = ["EARLIEST", "Endpoint", "EndpointRequest", "endpoints"]

# Without `from`, FMP gives the last five years only; so the whole history is asked for by name.
EARLIEST = date(1900, 1, 1)
_PERIODS = {"quarterly": "quarter", "annual": "annual"}
_MONTHS = {"quarterly": 3, "annual": 12}
# Rows to ask for beyond those that the calendar allows: a changed fiscal year, an amended period twice.
_MARGIN = 4


@dataclass(frozen=True, slots=True)
class EndpointRequest:
    """One GET: a path below the base URL, and its parameters without the key."""

    path: str
    parameters: dict[str, str]

    def text(self) -> str:
        """Return the parameters as JSON, as the fetch log keeps them."""
        return json.dumps(self.parameters, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row of ``endpoints.csv``: where a dataset is, and what may be asked there.

    ``member``: the field of the answer that holds the records, or nothing when the answer is the list.
    ``limit``: the largest number of rows that can be asked for, ``row_cap``: the rows an answer has at
    most; 0 where there is none. ``may_be_empty``: when an answer without records is no fault.
    ``bulk_by``: what one bulk file holds, a fiscal ``year`` and period or a numbered ``part``.
    """

    dataset: str
    path: str
    member: str
    periods: bool
    ranged: bool
    limit: int
    row_cap: int
    may_be_empty: str
    bulk_path: str
    bulk_by: str

    @property
    def offer(self) -> Offer:
        """What the endpoint offers, in the words of the provider protocol."""
        return Offer(periods=("quarterly", "annual") if self.periods else (), ranged=self.ranged)

    def question(self, request: Request, today: date) -> EndpointRequest:
        """Return the question for a request: from its start, or for all there is."""
        asked: dict[str, str] = {}
        path = self.path
        if "{symbol}" in path:
            path = path.format(symbol=quote(request.symbol, safe=""))
        else:
            asked["symbol"] = request.symbol
        if self.periods and request.period:
            asked["period"] = _PERIODS[request.period]
        if self.limit:
            asked["limit"] = str(self.rows(request, today))
        if self.ranged:
            asked["from"] = (request.start or EARLIEST).isoformat()
            asked["to"] = (request.end or today + timedelta(days=1)).isoformat()
        return EndpointRequest(path, asked)

    def rows(self, request: Request, today: date) -> int:
        """Return how many rows to ask for, so that the newest ones reach back to the request's start."""
        if request.start is None or not self.periods:
            return self.limit
        months = 12 * (today.year - request.start.year) + today.month - request.start.month
        return min(self.limit, max(0, months) // _MONTHS[request.period or "quarterly"] + _MARGIN)


@cache
def endpoints(generation: str) -> dict[str, Endpoint]:
    """Return the endpoints of an API generation by dataset.

    >>> endpoints("v3")["price"].path
    'api/v3/historical-price-full/{symbol}'
    """
    text = files(__package__).joinpath("endpoints.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["dataset"]: _endpoint(row) for row in rows if row["generation"] == generation}


def _endpoint(row: dict[str, str]) -> Endpoint:
    return Endpoint(
        dataset=row["dataset"],
        path=row["path"],
        member=row["member"],
        periods=row["periods"] == "yes",
        ranged=row["ranged"] == "yes",
        limit=int(row["limit"] or 0),
        row_cap=int(row["row_cap"] or 0),
        may_be_empty=row["may_be_empty"],
        bulk_path=row["bulk_path"],
        bulk_by=row["bulk_by"],
    )
