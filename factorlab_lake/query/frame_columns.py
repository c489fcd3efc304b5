"""Choose the columns of a frame by the names that a caller gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from factorlab_lake.errors import InvalidInput, listed_names, nearest

__all__ = ["checked_columns", "chosen_columns"]


def checked_columns(columns: Iterable[str] | None, example: str) -> list[str] | None:
    """Return the names of ``columns`` as a list; None chooses all. Raises :class:`InvalidInput`."""
    return None if columns is None else listed_names(columns, "columns", repr(example))


def chosen_columns(
    columns: Iterable[str] | None, known: Sequence[str], *, key: Sequence[str], example: str
) -> list[str]:
    """Return the key and the chosen columns in the caller's order, or all that are ``known``.

    >>> chosen_columns(["close", "day"], ["day", "open", "close"], key=["day"], example="close")
    ['day', 'close']

    Raises :class:`InvalidInput` for a name that is not known, with the nearest one.
    """
    names = checked_columns(columns, example)
    if names is None:
        return [*known]
    for name in names:
        if name not in known:
            raise InvalidInput(
                f"There is no column {name!r} here; expected some of {', '.join(known)}."
                f"{nearest(name, known)}",
                column=name,
            )
    return list(dict.fromkeys([*key, *names]))
