"""Convert rows to pandas frames; only this module uses pandas, and loads it on first use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl

from factorlab_lake.errors import MissingExtra
from factorlab_lake.query.arguments import one_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "business_days",
    "by_name",
    "carried",
    "checked_frames",
    "load_pandas",
    "side_by_side",
    "to_frames",
]

_JSON = ("metrics", "extra", "reasons")
_OFFSETS = {"daily": "B", "weekly": "W-FRI", "monthly": "BME", "quarterly": "BQE"}


def load_pandas(user: str = "FMPProvider", instead: str = "use the methods of the lake") -> Any:
    """Return pandas; raises :class:`MissingExtra` with the command that installs it, and the way without."""
    try:
        import pandas as pd

        return pd
    except ImportError as error:
        raise MissingExtra(
            f"{user} returns pandas frames, and pandas cannot be imported ({error}); install it with "
            f"pip install 'factorlab-lake[pandas]', or {instead} for frames of polars.",
            extra="pandas",
        ) from None


def business_days(first: date, last: date, frequency: str) -> pd.DatetimeIndex:
    """Return the days from ``first`` to ``last`` (both included) as an index named ``date``.

    ``daily``: Monday to Friday, holidays included; ``weekly``: Fridays; ``monthly`` and ``quarterly``: the
    last business day of each month or quarter. Raises :class:`InvalidInput` for another frequency.
    """
    offset = _OFFSETS[one_of(frequency, _OFFSETS, "frequency")]
    index: pd.DatetimeIndex = load_pandas().date_range(
        first.isoformat(), last.isoformat(), freq=offset, name="date"
    )
    return index


def carried(
    rows: pl.DataFrame, index: pd.DatetimeIndex, *, steps: list[date], columns: dict[str, str]
) -> pd.DataFrame:
    """Return one symbol's values, computed at ``steps``, on the days of ``index``.

    ``rows`` has one row per step, in order. Each day has the values of the last step on or before it; a NULL
    of that step is NaN. ``columns``: ``{column of rows: column of the frame}``. The first step is on or
    before the first day.
    """
    library = load_pandas()
    at = library.DatetimeIndex(steps).as_unit(index.unit).searchsorted(index, side="right") - 1
    values = rows.select(pl.col(name).cast(pl.Float64) for name in columns).to_numpy()
    frame: pd.DataFrame = library.DataFrame(values[at], index=index, columns=list(columns.values()))
    return frame


def side_by_side(bars: pl.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """Return ``symbol, date, value`` with one row per day and one column per symbol.

    ``columns``: ``{column of the frame: symbol of bars}``; one whose symbol has no value is left out. The
    days are those on which any symbol has a value, in order, as an index named ``date``.
    """
    library = load_pandas()
    # No symbol is an empty text, so the column of days cannot collide with a symbol.
    filled = bars.drop_nulls("value").rename({"date": ""})
    wide = filled.pivot(on="symbol", index="", values="value").sort("")
    values = {column: wide[name].to_numpy() for column, name in columns.items() if name in wide.columns}
    unit = library.DatetimeIndex(
        ["2000-01-03"]
    ).unit  # the default of this pandas version, for equality with other frames
    days = library.DatetimeIndex(wide[""].to_list(), name="date").as_unit(unit)
    frame: pd.DataFrame = library.DataFrame(values, index=days, columns=list(values), dtype="float64")
    return frame


def by_name(rows: pl.DataFrame, names: Mapping[str, str], renamed: Mapping[str, str]) -> pd.DataFrame:
    """Return the row of each symbol under the caller's name for it, as an index named ``symbol``.

    ``names``: ``{name: symbol of rows}``. Columns in ``renamed`` get their new names.
    """
    library = load_pandas()
    frame: pd.DataFrame = rows.rename(dict(renamed)).to_pandas().set_index("symbol").loc[list(names.values())]
    frame.index = library.Index(list(names), name="symbol")
    return frame


def checked_frames(frames: str, user: str) -> str:
    """Return ``pandas`` or ``polars``, the kind of frames of a class; load pandas where it is needed."""
    one_of(frames, ("pandas", "polars"), "frames")
    if frames == "pandas":
        load_pandas(user, f'use {user}(frames="polars")')
    return frames


def to_frames(rows: pl.DataFrame, frames: str) -> Any:
    """Return rows as a frame of that kind; JSON columns of pandas frames have dicts, polars frames texts."""
    if frames == "polars":
        return rows
    frame = rows.to_pandas()
    for name in set(_JSON) & set(rows.columns):
        frame[name] = [None if text is None else json.loads(text) for text in rows[name]]
    return frame
