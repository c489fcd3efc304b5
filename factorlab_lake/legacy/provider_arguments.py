"""Convert the arguments of Factor Lab's classes (lakes, symbols, dates, types) to the lake's own types."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeAlias

from factorlab_lake._open import open_lake
from factorlab_lake.errors import InvalidInput, LakeWarning, NotFound, SymbolNotHeldWarning
from factorlab_lake.lake import Lake
from factorlab_lake.query.arguments import DateLike, one_of, to_date, to_symbols
from factorlab_lake.query.questions import Questions
from factorlab_lake.storage.lake_paths import is_lake, nearby_lake

__all__ = [
    "RATIOS",
    "RECORD_LIMIT",
    "DayRange",
    "LakeOrPlace",
    "checked_key",
    "default_lake",
    "opened",
    "place_and_key",
    "record_kinds",
    "spellings",
    "statement_kinds",
    "to_day",
    "to_days",
    "to_range",
]

LakeOrPlace: TypeAlias = "Questions | str | os.PathLike[str]"
DayRange: TypeAlias = "tuple[date | None, date | None]"

RATIOS = "financial_ratios"
RECORD_LIMIT = 20  # records of a type, by default
# The keys are the names in the old cache's files and the lake's.
_STATEMENT_TYPES = {
    "income_statement": "income",
    "balance_sheet": "balance_sheet",
    "cash_flow": "cash_flow",
    "income": "income",
}
_RECORD_TYPES = {**_STATEMENT_TYPES, RATIOS: RATIOS}
_EVERY_RECORD_TYPE = ("income_statement", "balance_sheet", "cash_flow", RATIOS)
_KEY = re.compile(r"(?=.*\d)[A-Za-z0-9]{20,}")  # the form of FMP's keys; another text may be a misspelt lake
# A year, a month or a day, with dashes or slashes, and perhaps a time of day.
_DATE_TEXT = re.compile(r"\s*(\d{4})(?:([-/])(\d{1,2})(?:\2(\d{1,2}))?)?(?:[ T]+(\S.*))?\s*")


def opened(lake: LakeOrPlace, *, env: str | None = None, config: str | None = None) -> Questions:
    """Return an open lake itself, or open the lake at a path or address; never create one.

    ``env`` and ``config`` choose the environment, which limits the connections to a server.
    """
    if isinstance(lake, str) and not re.search(r"[/\\.]", lake) and not Path(lake).exists():
        # Factor Lab's own class took the provider's key: do not repeat a text that may be one.
        raise NotFound("The text names no folder here (it is not shown); pass the path of a lake.")
    if isinstance(lake, str | os.PathLike):
        return open_lake(lake, create=False, env=env, config=config)
    if not callable(getattr(lake, "market_caps", None)):
        raise InvalidInput(f"A {type(lake).__name__} is no lake; pass an open lake, or the path of one.")
    return lake


def default_lake(*, create: bool = False) -> Lake:
    """Open the lake of ``FACTORLAB_LAKE``, then of the environment, or ``data/lake`` where nothing is set."""
    return open_lake(create=None if create else False)  # None: never one whose path looks mistyped


def place_and_key(
    first: LakeOrPlace | None, lake: LakeOrPlace | None, api_key: str | None
) -> tuple[LakeOrPlace | None, str]:
    """Return the lake (None: the default one) and the key of ``FMPProvider(first, lake=, api_key=)``.

    ``first`` is either. Raises :class:`InvalidInput` for two lakes or two keys, and warns of a key that does
    not look like one: in another working folder, the name of a lake would select the default one.
    """
    key = checked_key(api_key)
    if first is None or first == "":
        return lake, key
    if isinstance(first, str) and not _names_a_place(first):
        if key:
            raise InvalidInput("The first argument is a key, and so is api_key=; pass one of them.")
        if lake is None and not _KEY.fullmatch(first):
            warnings.warn(
                "The text (it is not shown) names no lake here, so it is used as the provider's key, and the "
                "default lake answers. Pass a key as api_key=, and a lake by its path.",
                LakeWarning,
                stacklevel=3,
            )
        return lake, first
    if lake is not None:
        raise InvalidInput("The first argument is a lake, and so is lake=; pass one of them.")
    return first, key


def checked_key(key: Any) -> str:
    """Return a provider's key, empty for None; raise :class:`InvalidInput` without the value."""
    if not isinstance(key, str | None):
        raise InvalidInput(f"api_key is a {type(key).__name__}; expected a text, or None.")
    return key or ""


def _names_a_place(text: str) -> bool:
    """Return whether a text is the path or address of a lake; any other may be a provider's key.

    A key has no slash, and no lake's folder has its name. Raises :class:`NotFound` for a text that is a
    misspelling of a lake's folder: as a key, it would silently select the default lake. The error does not
    repeat it.
    """
    if re.search(r"[/\\]", text):
        return True
    if not re.fullmatch(r"[\w .~-]+", text):
        return False
    folder = Path(text).absolute()
    if is_lake(folder):
        return True
    near = nearby_lake(folder, one_typo=True)
    if near is None or near in folder.parents:
        return False
    raise NotFound(
        f"The text (it is not shown) is no lake, but there is one at {near}; did you mean that? "
        "Pass a provider's key by its name: FMPProvider(api_key=...).",
        path=str(near),
    )


def spellings(
    lake: Questions, symbols: str | Iterable[str], effect: str | None = None
) -> dict[str, str | None]:
    """Return ``{the caller's symbol: the lake's}``, with None for a symbol of which the lake has no data.

    A lake stores symbols in capitals. If ``effect`` says what an unknown symbol means for the answer, a
    :class:`SymbolNotHeldWarning` names them all.
    """
    answer = {name: name.strip().upper() for name in to_symbols(symbols)}
    held = lake._symbols  # noqa: SLF001 - the read index answers it in microseconds; SQL takes a scan
    unknown = set(held.missing(list(dict.fromkeys(answer.values()))))
    lacking = [name for name, symbol in answer.items() if symbol in unknown]
    if lacking and effect is not None:
        text = f"{held.describe_missing(lacking)} {effect}"
        warning = SymbolNotHeldWarning(text, none_held=len(lacking) == len(answer))
        warnings.warn(warning, stacklevel=3)
    return {name: None if symbol in unknown else symbol for name, symbol in answer.items()}


def statement_kinds(types: str | Iterable[str] | None) -> dict[str, str]:
    """Return ``{name: the lake's name}`` of statement types; a text is a list of one, None is all.

    >>> statement_kinds(["income_statement", "cash_flow"])
    {'income_statement': 'income', 'cash_flow': 'cash_flow'}
    """
    return _kinds(_EVERY_RECORD_TYPE[:-1] if types is None else types, _STATEMENT_TYPES)


def record_kinds(types: str | Iterable[str] | None) -> dict[str, str]:
    """Return ``{name: the lake's name}`` of types of records: the statements' and financial_ratios.

    >>> list(record_kinds(None))
    ['income_statement', 'balance_sheet', 'cash_flow', 'financial_ratios']
    """
    return _kinds(_EVERY_RECORD_TYPE if types is None else types, _RECORD_TYPES)


def _kinds(types: str | Iterable[str], known: dict[str, str]) -> dict[str, str]:
    names: list[Any] = [types] if isinstance(types, str) or not isinstance(types, Iterable) else list(types)
    return {name: known[one_of(name, known, "statement type")] for name in names}


def to_day(value: Any, name: str = "date") -> date:
    """Return the day of a date, of a moment in its own time zone, or of a text.

    A text is a year, month or day with dashes or slashes, perhaps with a time. A month or year stands for its
    first day, as in pandas.

    >>> [str(to_day(text)) for text in ("2024-01-31 15:30:00", "2024/1/31", "2024-01")]
    ['2024-01-31', '2024-01-31', '2024-01-01']
    >>> to_day(datetime(2024, 1, 31, 15, 30))
    datetime.date(2024, 1, 31)
    """
    if isinstance(value, str) and (match := _DATE_TEXT.fullmatch(value)):
        year, _, month, day, clock = match.groups()
        text = f"{year}-{month or '1':0>2}-{day or '1':0>2}"
        if clock is None or _is_clock(clock):
            return to_date(text, name)
    if isinstance(value, datetime) and value == value:  # noqa: PLR0124 - NaT is a datetime, and not itself
        return value.date()
    if type(value).__module__.split(".")[0] == "numpy" and (day_of := _numpy_day(value)) is not None:
        return day_of
    return to_date(value, name)


def _is_clock(text: str) -> bool:
    try:
        datetime.fromisoformat(f"2000-01-01T{text}")
    except ValueError:
        return False
    return True


def _numpy_day(value: Any) -> date | None:
    """Return the day of a numpy moment, or None for another value and for NaT."""
    if not str(getattr(value, "dtype", "")).startswith("datetime64"):
        return None
    day = value.astype("datetime64[D]").item()
    return day if isinstance(day, date) else None


def to_days(values: Any) -> list[date]:
    """Return one date or an iterable of dates (a pandas index too) as a list."""
    if isinstance(values, str | date) or not isinstance(values, Iterable):
        return [to_day(values)]
    return [to_day(day) for day in values]


def to_range(start_date: DateLike | None, end_date: DateLike | None) -> DayRange | None:
    """Return both ends of a range, ``None`` for an open one.

    Returns None, with a :class:`LakeWarning`, where the start is after the end: such a range has no day.
    """
    first = None if start_date is None else to_day(start_date, "start_date")
    last = None if end_date is None else to_day(end_date, "end_date")
    if first is not None and last is not None and first > last:
        warnings.warn(
            f"start_date {first} is after end_date {last}: the answer is empty. Pass the earlier date first.",
            LakeWarning,
            stacklevel=3,
        )
        return None
    return first, last
