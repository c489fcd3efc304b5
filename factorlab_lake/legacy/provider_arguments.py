"""What Factor Lab's code gives its providers: lakes, dates and statement types, in the lake's own form."""

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

# By the name in the old cache's files and by the lake's.
_STATEMENT_TYPES = {
    "income_statement": "income",
    "balance_sheet": "balance_sheet",
    "cash_flow": "cash_flow",
    "income": "income",
}


def opened(lake: LakeOrPlace) -> Questions:
    """Return an open lake as it is, and open the one at a path or address; none is ever created."""
    if isinstance(lake, str) and not re.search(r"[/\\.]", lake) and not Path(lake).exists():
        # Factor Lab's own class took the provider's key: what may be one is not repeated.
        raise NotFound("The text given names no folder here (it is not shown); give the path of a lake.")
    if isinstance(lake, str | os.PathLike):
        return open_lake(lake, create=False)
    if not callable(getattr(lake, "market_caps", None)):
        raise InvalidInput(f"A {type(lake).__name__} is no lake; give an open lake, or the path of one.")
    return lake


def statement_kinds(given: str | Iterable[str]) -> dict[str, str]:
    """Return ``{name given: the lake's name}`` of statement types; a bare text is one.

    >>> statement_kinds(["income_statement", "cash_flow"])
    {'income_statement': 'income', 'cash_flow': 'cash_flow'}
    """
    names: list[Any] = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
    return {name: _STATEMENT_TYPES[one_of(name, _STATEMENT_TYPES, "statement type")] for name in names}


def to_day(given: Any, name: str = "date") -> date:
    """Return a plain date; midnight without a zone is one too, as pandas writes dates.

    >>> to_day(datetime(2024, 1, 31)), to_day("2024-01-31")
    (datetime.date(2024, 1, 31), datetime.date(2024, 1, 31))
    """
    if isinstance(given, datetime) and given.tzinfo is None and _clock(given) == (0, 0, 0, 0):
        return given.date()
    return to_date(given, name)


def to_days(given: Any) -> list[date]:
    """Return dates as a list: of one, or of any number of them (a pandas index too)."""
    if isinstance(given, str | date) or not isinstance(given, Iterable):
        return [to_day(given)]
    return [to_day(day) for day in given]


def to_range(start_date: DateLike | None, end_date: DateLike | None) -> tuple[date | None, date | None]:
    """Return the two ends of a range, ``None`` for an open one; the error says when they are swapped."""
    first = None if start_date is None else to_day(start_date, "start_date")
    last = None if end_date is None else to_day(end_date, "end_date")
    if first is not None and last is not None and first > last:
        raise InvalidInput(
            f"start_date {first} is after end_date {last}; give the earlier one first.",
            start_date=first,
            end_date=last,
        )
    return first, last


def _clock(moment: datetime) -> tuple[int, int, int, int]:
    return moment.hour, moment.minute, moment.second, moment.microsecond  # pandas' NaT has NaN here
