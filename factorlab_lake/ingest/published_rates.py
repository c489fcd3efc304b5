"""Read the file of reference rates that the European Central Bank publishes, and compare loaded rates.

``eurofxref-hist.csv`` has one row per day, the newest first, and a column for each currency: the units of it
that one euro costs. A currency without a rate on a day has N/A. Each line ends in a comma, so the last column
has no name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from factorlab_lake.errors import InvalidInput
from factorlab_lake.schema.columns import CURRENCY_PATTERN
from factorlab_lake.schema.rules import ECB_BASE, FX_SPREAD

__all__ = ["is_wide_rates", "long_rates", "reject_two_prices"]

_MISSING = ("", "N/A")
_DAY = "date"


def is_wide_rates(columns: Sequence[str]) -> bool:
    """Return whether the columns are a date and currencies, as in the file of the European Central Bank.

    >>> is_wide_rates(["Date", "USD", "JPY", ""]), is_wide_rates(["date", "base", "quote", "rate"])
    (True, False)
    """
    names = [name.strip() for name in columns]
    others = [name for name in names if name.lower() != _DAY and name]
    return len(others) < len([n for n in names if n]) and bool(others) and all(map(_is_currency, others))


def long_rates(rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row per day and currency with a rate, with the columns of ``fx_rates``."""
    names = {name: name.strip() for name in rows.columns}
    day = next(name for name, plain in names.items() if plain.lower() == _DAY)
    currencies = [name for name, plain in names.items() if _is_currency(plain)]
    long = rows.select(
        pl.col(day).alias(_DAY), *(pl.col(c).cast(pl.String).alias(names[c]) for c in currencies)
    )
    long = long.unpivot(index=_DAY, variable_name="quote", value_name="rate")
    text = pl.col("rate").str.strip_chars()
    return long.filter(text.is_not_null() & ~text.is_in(_MISSING)).select(
        pl.lit(ECB_BASE).alias("base"), "quote", _DAY, "rate", pl.lit("ECB").alias("source")
    )


def reject_two_prices(loaded: pl.DataFrame, stored: pl.DataFrame) -> None:
    """Raise :class:`InvalidInput` where a loaded rate is not about the inverse of the other direction's.

    Rates of the same pairs and days in ``loaded`` replace those in ``stored``.
    """
    key = ["base", "quote", "date"]
    rates = pl.concat(
        [loaded.select(*key, "rate"), stored.join(loaded, on=key, how="anti").select(*key, "rate")]
    )
    inverse = rates.select("date", base="quote", quote="base", other="rate")
    pairs = loaded.join(inverse, on=key).filter((pl.col("rate") * pl.col("other") - 1).abs() > FX_SPREAD)
    if pairs.is_empty():
        return
    first = pairs.sort("date", "base", "quote").row(0, named=True)
    base, quote = first["base"], first["quote"]
    more = f", and {pairs.height - 1} more" if pairs.height > 1 else ""
    raise InvalidInput(
        f"fx_rates: on {first['date']} one {base} costs {first['rate']:g} {quote}, but one {quote} costs "
        f"{first['other']:g} {base}, which is no inverse{more}; load the right rate of both directions "
        "in one call, or of one direction alone.",
        base=base,
        quote=quote,
        date=first["date"],
    )


def _is_currency(name: str) -> bool:
    return re.match(CURRENCY_PATTERN, name) is not None
