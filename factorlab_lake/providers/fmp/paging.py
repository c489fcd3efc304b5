"""Check whether a response reaches back to the start of its request, and fetch earlier pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import polars as pl

from factorlab_lake.errors import counted
from factorlab_lake.providers.fmp.endpoints import EARLIEST, Endpoint
from factorlab_lake.providers.http_client import HttpRequest

__all__ = ["FREE_ROWS", "Fetch", "oldest_day", "page_back", "reaches", "short_rows"]

_WEEKEND = (5, 6)
_CLOSED_DAYS = 10  # exchanges seldom close for longer, so a history that starts this late is complete
_PAGES = 100
_ROUND = 5
_PLAN_YEARS = (1, 2, 3, 5, 10, 15, 20, 25, 30)
_PLAN_DAYS = 4
FREE_ROWS = 5  # the most statements that the free plan returns
_PERIOD_DAYS = 400  # over a fiscal year: the oldest statement may be this long after the start

Fetch = Callable[[HttpRequest], pl.DataFrame]


def oldest_day(records: pl.DataFrame) -> date | None:
    """Return the earliest date of the records, or None."""
    if "date" not in records.columns:
        return None
    text = records["date"].cast(pl.String).str.slice(0, len("2024-12-31"))
    day = text.str.to_date("%Y-%m-%d", strict=False).min()
    return day if isinstance(day, date) else None


def reaches(day: date | None, start: date) -> bool:
    """Return whether records from ``day`` on are complete from ``start`` on: only weekends are between.

    >>> reaches(date(2026, 11, 23), date(2026, 11, 21)), reaches(date(2026, 11, 23), date(2026, 11, 20))
    (True, False)
    """
    if day is None or (day - start).days > len(_WEEKEND):
        return False
    between = (start + timedelta(days=i) for i in range((day - start).days))
    return all(each.weekday() in _WEEKEND for each in between)


def page_back(
    first: pl.DataFrame, http_request: HttpRequest, endpoint: Endpoint, fetch: Fetch
) -> tuple[pl.DataFrame, str | None]:
    """Fetch the pages before a capped response, until the start or the end of the history.

    Returns all records, and a reason when the provider should have older ones.
    """
    start, until = (date.fromisoformat(http_request.parameters[name]) for name in ("from", "to"))
    pages, last, oldest = [first], first, oldest_day(first)
    while oldest and not reaches(oldest, start) and _maybe_cut(last, oldest, until, endpoint):
        before = http_request.parameters | {"to": (oldest - timedelta(days=1)).isoformat()}
        last = fetch(replace(http_request, parameters=before))
        page = _without(last, pages[-1])
        earlier = oldest_day(page)
        if earlier is None and last.height < first.height:
            break  # no new rows: the history is complete
        if earlier is None or earlier >= oldest or len(pages) >= _PAGES:
            return _joined(pages), f"reaches back to {oldest} only: the provider returned no older rows"
        pages.append(page)
        oldest = earlier
    return _joined(pages), _plan_reason(oldest, start, until)


def short_rows(records: pl.DataFrame, limit: int, start: date | None) -> str | None:
    """Return the reason why newest rows may not reach the start, or None."""
    oldest = oldest_day(records)
    if oldest is None or oldest <= (start or EARLIEST) + timedelta(days=_PERIOD_DAYS):
        return None
    if records.height >= limit:
        return f"reaches back to {oldest} only: {limit} rows are the largest limit"
    if records.height == FREE_ROWS < limit:
        return f"{counted(records.height, 'row')} instead of {limit}: the plan may allow no more"
    return None


def _joined(pages: list[pl.DataFrame]) -> pl.DataFrame:
    """Return pages as one frame, in their order."""
    if len(pages) == 1:
        return pages[0]
    return pl.concat([p.drop("_position", strict=False) for p in pages], how="diagonal_relaxed")


def _maybe_cut(page: pl.DataFrame, oldest: date, until: date, endpoint: Endpoint) -> bool:
    """Return whether a cap may have ended a page: a cap is a round number of rows or years."""
    counts = (page.height, page["date"].n_unique())  # the cap may not count duplicate rows
    return (
        any(rows % _ROUND == 0 for rows in counts)
        or 0 < endpoint.row_cap <= page.height
        or _plan_years(oldest, until) is not None
    )


def _without(page: pl.DataFrame, newer: pl.DataFrame) -> pl.DataFrame:
    """Return a page without the rows that equal one of the newer page in every field."""
    common = [c for c in page.columns if c != "_position"]
    if page.is_empty() or sorted(common) != sorted(c for c in newer.columns if c != "_position"):
        return page
    same = [c for c in common if page.schema[c] == newer.schema[c]]
    if len(same) < len(common):
        return page
    return page.join(newer, on=common, how="anti", nulls_equal=True, maintain_order="left")


def _plan_reason(oldest: date | None, start: date, until: date) -> str | None:
    if oldest is None or oldest <= start + timedelta(days=_CLOSED_DAYS):
        return None
    years = _plan_years(oldest, until)
    if years is None:
        return None
    return f"reaches back to {oldest} only, {counted(years, 'year')}: the plan may allow no more"


def _plan_years(oldest: date, until: date) -> int | None:
    """Return the number of years that a plan seems to allow, or None if the history is not cut off."""
    for years in _PLAN_YEARS:
        if abs((until - oldest).days - round(years * 365.2425)) <= _PLAN_DAYS:
            return years
    return None
