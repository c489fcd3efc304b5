"""Build and look up tiles of closes: one row per calendar day, with the last bar of up to 64 symbols.

It has the close as market_caps uses it, and the age of its bar in days. It also has the bar's split basis and
its level, the number of today's shares that stand for one share of its price. So a look-up is an index by day
and symbol, without a search.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from factorlab_lake.index.tiles import Array, Tile, TileFile, write_tile
from factorlab_lake.schema.rules import EPOCH, PRICE_AGE_LIMIT_DAYS

__all__ = [
    "NO_BAR",
    "SYMBOLS_PER_TILE",
    "Closes",
    "days_of_year",
    "empty_closes",
    "read_bars",
    "read_closes",
    "read_closes_of_pairs",
    "write_closes",
]

SYMBOLS_PER_TILE = 64
NO_BAR = 255  # the age where no bar is recent enough

# The words of a row: the closes, the ages (one byte each), the codes of basis and level (two bytes each).
_CLOSES = SYMBOLS_PER_TILE
_AGES = _CLOSES + SYMBOLS_PER_TILE // 8
_WIDTH = _AGES + SYMBOLS_PER_TILE // 4


class Closes(NamedTuple):
    """Hold the last closes of some symbols (rows) and days (columns); ``age`` is 255 where there is none."""

    close: Array
    age: Array
    level: Array
    basis: Array


def days_of_year(year: int) -> tuple[int, int]:
    """Return the first day of a year and the first day after it, in days since 1970-01-01.

    >>> days_of_year(1971)
    (365, 730)
    """
    first = (date(year, 1, 1) - EPOCH).days
    return first, (date(year, 12, 31) - EPOCH).days + 1


def write_closes(folder: Path, year: int, bars: pl.DataFrame) -> TileFile | None:
    """Write the tile of a year from its bars and those of the days before it; None without any.

    ``bars``: slot, day, close, basis, level; one row per bar. Days without a recent bar at both ends are left
    out.
    """
    first, end = days_of_year(year)
    lead = first - PRICE_AGE_LIMIT_DAYS
    slots, days = bars["slot"].to_numpy(), bars["day"].to_numpy() - lead
    bar = np.full((end - lead, SYMBOLS_PER_TILE), -1)
    bar[days, slots] = np.arange(bars.height)
    day = np.arange(end - lead)[:, None]
    last = np.maximum.accumulate(np.where(bar >= 0, day, -NO_BAR), axis=0)
    age = day - last
    age = np.where((last >= 0) & (age <= PRICE_AGE_LIMIT_DAYS), age, NO_BAR)[PRICE_AGE_LIMIT_DAYS:]
    used = np.flatnonzero((age != NO_BAR).any(axis=1))
    if not used.size:
        return None
    kept = slice(int(used[0]), int(used[-1]) + 1)
    place = np.take_along_axis(bar, np.maximum(last, 0), axis=0)[PRICE_AGE_LIMIT_DAYS:][kept]
    return _write(folder, first + kept.start, age[kept], place, bars)


def _write(folder: Path, first_day: int, age: Array, place: Array, bars: pl.DataFrame) -> TileFile:
    known = age != NO_BAR
    close = np.where(known, bars["close"].to_numpy()[place], 0.0)
    used = np.zeros(bars.height, bool)
    used[place[known]] = True
    kinds, codes = _kinds(bars, used)
    rows = np.empty((len(age), _WIDTH), "<u8")
    rows[:, :_CLOSES] = close.astype("<f8").view("<u8")
    rows[:, _CLOSES:_AGES] = age.astype("u1").view("<u8")
    rows[:, _AGES:] = np.where(known, codes[place], 0).astype("<u2").view("<u8")
    return write_tile(folder, rows, kinds, {"first_day": first_day})


def _kinds(bars: pl.DataFrame, used: Array) -> tuple[dict[str, Array], Array]:
    """Return the distinct pairs of split basis and level as arrays of a tile, and the code of each bar."""
    levels, of_level = np.unique(bars["level"].to_numpy()[used], return_inverse=True)
    bases, of_basis = np.unique(bars["basis"].to_numpy()[used], return_inverse=True)
    pairs, code = np.unique(of_level * len(bases) + of_basis, return_inverse=True)
    codes = np.zeros(bars.height, int)
    codes[used] = code
    level, basis = np.divmod(pairs, len(bases))
    return {"bases": bases[basis].astype("<f8"), "levels": levels[level].astype("<f8")}, codes


def read_bars(tile: Tile) -> pl.DataFrame:
    """Return the bars from which :func:`write_closes` writes the same tile again.

    Before the first day these are the last bar of each symbol; earlier ones are on no day of the tile.
    """
    rows = tile.rows(slice(None))
    age = rows[:, _CLOSES:_AGES].view("u1")
    bar = age == 0
    bar[0] = age[0] != NO_BAR
    row, slot = np.nonzero(bar)
    codes = rows[:, _AGES:].view("<u2")[row, slot]
    columns = {
        "slot": slot.astype(np.int32),
        "day": (row + tile.attributes["first_day"] - age[row, slot]).astype(np.int32),
        "close": rows[:, :_CLOSES].view("<f8")[row, slot],
        "basis": tile.array("bases")[codes].astype(np.int32),
        "level": tile.array("levels")[codes],
    }
    return pl.DataFrame(columns)


def empty_closes(*shape: int) -> Closes:
    """Return closes of which none is known."""
    return Closes(np.zeros(shape), np.full(shape, NO_BAR, "u1"), np.ones(shape), np.zeros(shape, "i4"))


def read_closes(tile: Tile, slots: Array, days: Array, into: Closes, at: tuple[Array, int]) -> None:
    """Copy the closes of some symbols and sorted days of the tile's year.

    ``at``: the rows of the symbols in ``into``, and the column of the first day.
    """
    places = days - tile.attributes["first_day"]
    start, end = 0, len(places)
    if places[0] < 0 or places[-1] >= tile.row_count:
        start, end = np.searchsorted(places, (0, tile.row_count)).tolist()
        if start == end:
            return
        places = places[start:end]
    whole = int(places[-1]) - int(places[0]) + 1 == len(places)
    rows = tile.rows(slice(int(places[0]), int(places[-1]) + 1) if whole else places)
    symbols, first = _as_slice(at[0]), at[1]
    columns = slice(first + start, first + end)
    part = _as_slice(slots)
    into.close[symbols, columns] = rows[:, :_CLOSES].view("<f8")[:, part].T
    into.age[symbols, columns] = rows[:, _CLOSES:_AGES].view("u1")[:, part].T
    levels, bases = tile.array("levels"), tile.array("bases")
    if len(levels) == 1:
        into.level[symbols, columns], into.basis[symbols, columns] = levels[0], bases[0]
        return
    codes = rows[:, _AGES:].view("<u2")[:, part].T
    into.level[symbols, columns] = levels[codes]
    into.basis[symbols, columns] = bases[codes]


def read_closes_of_pairs(tile: Tile, slots: Array, days: Array, into: Closes, at: Array) -> None:
    """Copy the closes of pairs of a symbol and a day of the tile's year to their places in ``into``."""
    places = days - tile.attributes["first_day"]
    inside = np.flatnonzero((places >= 0) & (places < tile.row_count))
    if not inside.size:
        return
    rows, part, to = tile.rows(places[inside]), slots[inside], at[inside]
    each = np.arange(len(inside))
    into.close[to] = rows[:, :_CLOSES].view("<f8")[each, part]
    into.age[to] = rows[:, _CLOSES:_AGES].view("u1")[each, part]
    codes = rows[:, _AGES:].view("<u2")[each, part]
    into.level[to], into.basis[to] = tile.array("levels")[codes], tile.array("bases")[codes]


def _as_slice(places: Array) -> Array | slice:
    """Return consecutive places as a slice, which numpy copies several times faster.

    Rows of symbols come in the order of the index, so 0, 2, 1, 3 are possible and not consecutive.

    >>> _as_slice(np.array([4, 5, 6]))
    slice(4, 7, None)
    >>> _as_slice(np.array([0, 2, 1, 3])).tolist()
    [0, 2, 1, 3]
    """
    first = int(places[0])
    consecutive = np.array_equal(places, np.arange(first, first + len(places)))
    return slice(first, first + len(places)) if consecutive else places
