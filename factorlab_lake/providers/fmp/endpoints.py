"""Read FMP's endpoints from ``endpoints.csv`` and build their requests."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from urllib.parse import quote

from factorlab_lake.providers.http_client import HttpRequest
from factorlab_lake.providers.protocol import Offer, Request

__all__ = ["EARLIEST", "Endpoint", "endpoints"]

# Without `from`, FMP returns the last five years only, so a full history needs an explicit date.
EARLIEST = date(1900, 1, 1)
_PERIODS = {"quarterly": "quarter", "annual": "annual"}
_MONTHS = {"quarterly": 3, "annual": 12}
# Rows beyond the number of periods: a changed fiscal year, or an amended period that FMP sends twice.
_MARGIN = 4


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Represent a row of ``endpoints.csv``: the path of a dataset and its parameters.

    ``member``: the field of the response with the records, empty when the response is the list. ``limit``:
    the largest value of the parameter ``limit``. ``row_cap``: the most rows in a response. Both are 0 where
    there is none. ``may_be_empty``: when a response without records is valid. ``bulk_by``: the content of one
    bulk file, a fiscal ``year`` and period or a numbered ``part``; ``list`` if each response is about all
    symbols.
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
        """Return the offer of the provider protocol."""
        return Offer(periods=("quarterly", "annual") if self.periods else (), ranged=self.ranged)

    @property
    def lists_all(self) -> bool:
        """Return whether each response has the records of all symbols."""
        return self.bulk_by == "list"

    def http_request(self, request: Request, today: date) -> HttpRequest:
        """Return the HTTP request: from the request's start, or for all records."""
        parameters: dict[str, str] = {}
        path = self.path
        if "{symbol}" in path:
            path = path.format(symbol=quote(request.symbol, safe=""))
        elif not self.lists_all:
            parameters["symbol"] = request.symbol
        if self.periods and request.period:
            parameters["period"] = _PERIODS[request.period]
        if self.limit:
            parameters["limit"] = str(self.rows(request, today))
        if self.ranged:
            parameters["from"] = (request.start or EARLIEST).isoformat()
            parameters["to"] = (request.end or today + timedelta(days=1)).isoformat()
        return HttpRequest(path, parameters)

    def rows(self, request: Request, today: date) -> int:
        """Return the number of newest rows that reaches back to the request's start."""
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
