"""Read the dates of a command: one, by its place or by an option, or several by options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from factorlab_lake.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import date

__all__ = ["DayArgument", "DayOption", "chosen_dates", "one_day"]

DayArgument: TypeAlias = Annotated[
    str | None, typer.Argument(help="The date, such as 2021-03-31.", metavar="DATE", show_default=False)
]
DayOption: TypeAlias = Annotated[
    str | None, typer.Option("--date", help="The date, instead of the last argument.", metavar="DATE")
]


def one_day(argument: str | None, option: str | None) -> str:
    """Return the date that was given; raise :class:`InvalidInput` without one, and for two.

    >>> one_day(None, "2021-03-31")
    '2021-03-31'
    """
    if argument is not None and option is not None:
        raise InvalidInput(f"The date was given twice, as {argument!r} and as --date {option!r}; pass one.")
    if (day := option if argument is None else argument) is None:
        raise InvalidInput("No date was given; add one as the last argument, or use --date.")
    return day


def chosen_dates(dates: list[str] | None, start: str | None, end: str | None, freq: str | None) -> list[date]:
    """Return the dates of the options; without any, the error names the options to use."""
    from factorlab_lake.query.arguments import to_dates

    if not dates and (start is None or end is None):
        raise InvalidInput("No dates were given; use --date, or --start and --end.")
    return to_dates(dates or None, start=start, end=end, freq=freq)
