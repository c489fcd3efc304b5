"""Compute factors and inputs of a universe at some dates, with the group of each symbol on the date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

import polars as pl

from factorlab_lake.errors import InvalidInput, listed_names, nearest
from factorlab_lake.factors.formulas import Factor
from factorlab_lake.functions.definitions import DEFINABLE, chosen_factors

__all__ = ["Figures", "Universe", "figures", "grouped", "with_reasons"]

Universe: TypeAlias = "str | Iterable[str] | None"

_PREFIX = "input_of_"  # an input as a factor of its own: a factor cannot have the name of an input
_REASON = "_reason_of_"


@dataclass(frozen=True, slots=True)
class Figures:
    """Name the figures of a question and the factors that compute them."""

    names: tuple[str, ...]
    factors: tuple[Factor, ...]

    def named(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``symbol, date``, the figures by their names, and the reason of each that is NULL."""
        computed = {name: factor.name for name, factor in zip(self.names, self.factors, strict=True)}
        fields = pl.Struct(dict.fromkeys(computed.values(), pl.String))
        reasons = rows["reasons"].str.json_decode(fields).struct.unnest()
        values = rows.select(
            "symbol", "date", *(pl.col(c).fill_nan(None).alias(n) for n, c in computed.items())
        )
        return values.with_columns(
            pl.when(values[name].is_null())
            .then(pl.coalesce(reasons[column], rows["reason"], pl.lit("missing")))
            .alias(f"{_REASON}{name}")
            for name, column in computed.items()
        )


def figures(names: str | Iterable[str] | None, define: Mapping[str, str] | None = None) -> Figures:
    """Return the figures of some names: factors, definitions and inputs; None means all but inputs.

    Raises :class:`InvalidInput` for an unknown name, with the nearest one.
    """
    own = {factor.name: factor for factor in chosen_factors(None, define)}
    listed = [*own] if names is None else list(dict.fromkeys(listed_names(names, "factor", "'roe'")))
    inputs = [name for name in listed if name not in own]
    for name in inputs:
        if name not in DEFINABLE:
            raise InvalidInput(
                f"There is no factor {name!r}; expected some of {', '.join(own)}, or an input of factors."
                f"{nearest(name, [*own, *DEFINABLE])}",
                factor=name,
            )
    plain = {f"{_PREFIX}{name}": name for name in inputs}
    factors = {f.name: f for f in chosen_factors(None, {**(define or {}), **plain})}
    return Figures(tuple(listed), tuple(factors[n if n in own else f"{_PREFIX}{n}"] for n in listed))


def with_reasons(names: Sequence[str]) -> list[pl.Expr]:
    """Return the column of a figure's reason for each name."""
    return [pl.col(f"{_REASON}{name}") for name in names]


def grouped(rows: pl.DataFrame, groups: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Add the columns ``names`` of the profiles on each row's date, as ``sectors`` has them."""
    on_day = (pl.col("date") >= pl.col("valid_from")) & (pl.col("date") < pl.col("valid_to"))
    pairs = rows.select("symbol", "date").unique().join(groups, on="symbol").filter(on_day)
    return rows.join(
        pairs.select("symbol", "date", *names), on=["symbol", "date"], how="left", maintain_order="left"
    )


def dates_of(rows: pl.DataFrame) -> list[date]:
    """Return the dates of rows in order."""
    return rows["date"].unique().sort().to_list()
