"""Convert the arguments of Factor Lab's classes (lakes, dates, statement types) to the lake's own types."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeAlias

from factorlab_lake._open import open_lake
from factorlab_lake.errors import InvalidInput, NotFound
from factorlab_lake.query.arguments import DateLike, one_of, to_date
from factorlab_lake.query.questions import Questions

__all__ = ["LakeOrPlace", "opened", "statement_kinds", "to_day", "to_days", "to_range"]

LakeOrPlace: TypeAlias = "Questions | str | os.PathLike[str]"

# The keys are the names in the old cache's files and the lake's.
_STATEMENT_TYPES = {
    "income_statement": "income",
    "balance_sheet": "balance_sheet",
    "cash_flow": "cash_flow",
    "income": "income",
}


def opened(lake: LakeOrPlace) -> Questions:
    """Return an open lake itself, or open the lake at a path or address; never create one."""
    if isinstance(lake, str) and not re.search(r"[/\\.]", lake) and not Path(lake).exists():
        # Factor Lab's own class took the provider's key: do not repeat a text that may be one.
        raise NotFound("The text names no folder here (it is not shown); pass the path of a lake.")
    if isinstance(lake, str | os.PathLike):
        return open_lake(lake, create=False)
    if not callable(getattr(lake, "market_caps", None)):
        raise InvalidInput(f"A {type(lake).__name__} is no lake; pass an open lake, or the path of one.")
    return lake


def statement_kinds(types: str | Iterable[str]) -> dict[str, str]:
    """Return ``{name: the lake's name}`` of statement types; a text is a list of one.

    >>> statement_kinds(["income_statement", "cash_flow"])
    {'income_statement': 'income', 'cash_flow': 'cash_flow'}
    """
    names: list[Any] = [types] if isinstance(types, str) or not isinstance(types, Iterable) else list(types)
    return {name: _STATEMENT_TYPES[one_of(name, _STATEMENT_TYPES, "statement type")] for name in names}


def to_day(value: Any, name: str = "date") -> date:
    """Return a date; accepts midnight without a zone, because pandas writes dates so.

    >>> to_day(datetime(2024, 1, 31)), to_day("2024-01-31")
    (datetime.date(2024, 1, 31), datetime.date(2024, 1, 31))
    """
    if isinstance(value, datetime) and value.tzinfo is None and _clock(value) == (0, 0, 0, 0):
        return value.date()
    return to_date(value, name)


def to_days(values: Any) -> list[date]:
    """Return one date or an iterable of dates (a pandas index too) as a list."""
    if isinstance(values, str | date) or not isinstance(values, Iterable):
        return [to_day(values)]
    return [to_day(day) for day in values]


def to_range(start_date: DateLike | None, end_date: DateLike | None) -> tuple[date | None, date | None]:
    """Return both ends of a range, ``None`` for an open one; raises when the first is after the last."""
    first = None if start_date is None else to_day(start_date, "start_date")
    last = None if end_date is None else to_day(end_date, "end_date")
    if first is not None and last is not None and first > last:
        raise InvalidInput(
            f"start_date {first} is after end_date {last}; pass the earlier date first.",
            start_date=first,
            end_date=last,
        )
    return first, last


def _clock(moment: datetime) -> tuple[int, int, int, int]:
    return moment.hour, moment.minute, moment.second, moment.microsecond  # pandas' NaT has NaN here
