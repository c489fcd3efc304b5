"""Whether an answer reaches back as far as was asked, and the pages before it when it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import polars as pl

from factorlab_lake.providers.fmp.endpoints import EARLIEST, Endpoint, EndpointRequest

__all__ = ["FREE_ROWS", "Ask", "oldest_day", "page_back", "reaches", "short_rows"]

_WEEKEND = (5, 6)
_CLOSED_DAYS = 10  # an exchange seldom closes for longer: a history that starts so late is whole
_PAGES = 100
_ROUND = 5
_PLAN_YEARS = (1, 2, 3, 5, 10, 15, 20, 25, 30)
_PLAN_DAYS = 4
FREE_ROWS = 5  # statements that the free plan gives, whatever is asked
_PERIOD_DAYS = 400  # a fiscal year and some: the oldest statement may lie so long after the start

Ask = Callable[[EndpointRequest], pl.DataFrame]


def oldest_day(records: pl.DataFrame) -> date | None:
    """Return the earliest day that records are dated by, or None."""
    if "date" not in records.columns:
        return None
    text = records["date"].cast(pl.String).str.slice(0, len("2024-12-31"))
    day = text.str.to_date("%Y-%m-%d", strict=False).min()
    return day if isinstance(day, date) else None


def reaches(day: date | None, start: date) -> bool:
    """Whether records from ``day`` on hold all there can be from ``start`` on: only weekends lie between.

    >>> reaches(date(2026, 11, 23), date(2026, 11, 21)), reaches(date(2026, 11, 23), date(2026, 11, 20))
    (True, False)
    """
    if day is None or (day - start).days > len(_WEEKEND):
        return False
    between = (start + timedelta(days=i) for i in range((day - start).days))
    return all(each.weekday() in _WEEKEND for each in between)


def page_back(
    first: pl.DataFrame, question: EndpointRequest, endpoint: Endpoint, ask: Ask
) -> tuple[pl.DataFrame, str | None]:
    """Ask for what lies before a capped answer, until the start is reached or there is no more.

    Returns all records, and why they are short of the start when the provider should have more.
    """
    start, until = (date.fromisoformat(question.parameters[name]) for name in ("from", "to"))
    pages, last, oldest = [first], first, oldest_day(first)
    while oldest and not reaches(oldest, start) and _maybe_cut(last, oldest, until, endpoint):
        before = question.parameters | {"to": (oldest - timedelta(days=1)).isoformat()}
        last = ask(replace(question, parameters=before))
        page = _without(last, pages[-1])
        earlier = oldest_day(page)
        if earlier is None and last.height < first.height:
            break  # nothing, or nothing new: there is no more
        if earlier is None or earlier >= oldest or len(pages) >= _PAGES:
            return _joined(
                pages
            ), f"reaches back to {oldest} only: the provider gave no older rows when asked"
        pages.append(page)
        oldest = earlier
    return _joined(pages), _of_the_plan(oldest, start, until)


def short_rows(records: pl.DataFrame, asked: int, start: date | None) -> str | None:
    """Say why an answer of newest rows may be short of what was asked, or None."""
    oldest = oldest_day(records)
    if oldest is None or oldest <= (start or EARLIEST) + timedelta(days=_PERIOD_DAYS):
        return None
    if records.height >= asked:
        return f"reaches back to {oldest} only: {asked} rows are the most that can be asked for"
    if records.height == FREE_ROWS < asked:
        return f"{records.height} rows for the {asked} asked: the plan may give no more"
    return None


def _joined(pages: list[pl.DataFrame]) -> pl.DataFrame:
    """Return pages as one frame, in the order they came."""
    if len(pages) == 1:
        return pages[0]
    return pl.concat([p.drop("_position", strict=False) for p in pages], how="diagonal_relaxed")


def _maybe_cut(page: pl.DataFrame, oldest: date, until: date, endpoint: Endpoint) -> bool:
    """Whether a page ends where a cap ended it: a cap is a round number of rows, or of years."""
    counts = (page.height, page["date"].n_unique())  # rows sent twice may come on top of the cap
    return (
        any(rows % _ROUND == 0 for rows in counts)
        or 0 < endpoint.row_cap <= page.height
        or _plan_years(oldest, until) is not None
    )


def _without(page: pl.DataFrame, newer: pl.DataFrame) -> pl.DataFrame:
    """Leave out the rows that the page before had already, equal in every field."""
    common = [c for c in page.columns if c != "_position"]
    if page.is_empty() or sorted(common) != sorted(c for c in newer.columns if c != "_position"):
        return page
    same = [c for c in common if page.schema[c] == newer.schema[c]]
    if len(same) < len(common):
        return page
    return page.join(newer, on=common, how="anti", nulls_equal=True, maintain_order="left")


def _of_the_plan(oldest: date | None, start: date, until: date) -> str | None:
    if oldest is None or oldest <= start + timedelta(days=_CLOSED_DAYS):
        return None
    years = _plan_years(oldest, until)
    if years is None:
        return None
    return f"reaches back to {oldest} only, {years} years: the plan may give no more"


def _plan_years(oldest: date, until: date) -> int | None:
    """Return after how many years a history seems to be cut off, as plans do; None when it does not."""
    for years in _PLAN_YEARS:
        if abs((until - oldest).days - round(years * 365.2425)) <= _PLAN_DAYS:
            return years
    return None
