"""Find the symbols that a fetch names: from the command line, a file, a universe or the provider's list."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from factorlab_lake.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from factorlab_lake.lake import Lake

__all__ = ["ALL", "HELD", "needs_lake", "symbols_in", "symbols_of"]

HELD, ALL = "held", "all"
_SUFFIXES = (".txt", ".csv", ".tsv")
_HEADINGS = ("symbol", "ticker")
_SEPARATORS = "\t;,"


def needs_lake(universe: str | None) -> bool:
    """Return whether a universe is of the symbols or the tables of an existing lake.

    >>> needs_lake("held"), needs_lake("sp500.csv"), needs_lake("all"), needs_lake(None)
    (True, False, False, False)
    """
    return universe is not None and universe != ALL and not _is_file(universe)


def symbols_of(
    lake: Callable[[], Lake], provider: str, names: Iterable[str], universe: str | None
) -> list[str]:
    """Return the named symbols and those of a universe, without duplicates.

    ``universe`` is ``held``, ``all``, a file, or the name of a loaded universe or of a group such as
    ``sector:Technology``. Of a universe these are all symbols that were ever members: a fetch of today's
    members alone would leave out the companies that failed. Raises :class:`InvalidInput` without any symbol.
    """
    more: list[str] = []
    if universe == HELD:
        more = lake().held_symbols()
    elif universe == ALL:
        more = _listed(provider)
    elif universe is not None and _is_file(universe):
        more = symbols_in(Path(universe))
    elif universe is not None:
        from factorlab_lake.query.universes import members

        more = members(lake().session, universe)["symbol"].unique().sort().to_list()
    symbols = list(dict.fromkeys([*names, *more]))
    if not symbols:
        raise InvalidInput(
            "There is no symbol to fetch; name symbols, use --file FILE, or use --universe with a loaded "
            "universe, a file, all, or held with a lake that contains symbols."
        )
    return symbols


def _is_file(universe: str) -> bool:
    path = Path(universe)
    return path.suffix.lower() in _SUFFIXES or len(path.parts) > 1 or path.is_file()


def _listed(provider: str) -> list[str]:
    """Return the symbols of a provider's own list, which takes a call."""
    from factorlab_lake.providers.registry import opened

    with opened(provider) as source:
        listed: Callable[[], list[str]] | None = getattr(source, "listed_symbols", None)
        if listed is None:
            raise InvalidInput(
                f"--universe {ALL}: {provider} has no list of all symbols; only sec does. Use a file with "
                "the symbols, or the name of a loaded universe."
            )
        return listed()


def symbols_in(file: Path) -> list[str]:
    """Return the symbols in a file: one on each line, or the column ``symbol`` of a CSV file.

    ``#`` begins a comment in a list.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise NotFound(f"No file {file}; give a text file with one symbol on each line.") from None
    except IsADirectoryError:
        raise InvalidInput(f"{file} is a folder; give a text file with one symbol on each line.") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{file} is not UTF-8 text; give one symbol on each line.") from None
    heading = next((line for line in lines if line.strip()), "")
    separator = next((each for each in _SEPARATORS if each in heading), "")
    names = [name.strip().lower() for name in next(csv.reader([heading], delimiter=separator or ","), [])]
    column = next((names.index(each) for each in _HEADINGS if each in names), None)
    if column is not None:
        rows = csv.reader(lines[lines.index(heading) + 1 :], delimiter=separator or ",")
        return [row[column].strip() for row in rows if len(row) > column and row[column].strip()]
    symbols = [line.split("#", 1)[0].strip() for line in lines]
    invalid = [s for s in symbols if len(s.split()) > 1 or "," in s or ";" in s]
    if invalid:
        raise InvalidInput(
            f"{file} has a line {invalid[0]!r}; give one symbol on each line, or a CSV file with a column "
            "symbol."
        )
    return [s for s in symbols if s]
