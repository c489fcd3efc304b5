"""Choose the symbols for which a condition holds on a date."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from factorlab_lake.errors import InvalidInput, nearest
from factorlab_lake.research.expressions import NUMBERS, TEXTS, Condition
from factorlab_lake.research.grids import with_reasons

__all__ = ["checked_extras", "passing", "undecided"]


def checked_extras(columns: Sequence[str] | None) -> list[str]:
    """Return the columns that a screen adds; raise :class:`InvalidInput` for an unknown one."""
    for name in columns or ():
        if name not in (*NUMBERS, *TEXTS):
            raise InvalidInput(
                f"There is no column {name!r} for a screen; expected factors, inputs of factors, or "
                f"{', '.join(TEXTS)}.{nearest(name, [*NUMBERS, *TEXTS])}",
                column=name,
            )
    return list(columns or ())


def passing(rows: pl.DataFrame, condition: Condition, columns: Sequence[str]) -> pl.DataFrame:
    """Return the rows for which the condition is true; an unknown one is not."""
    return rows.filter(condition.expression).select("symbol", "date", *columns)


def undecided(rows: pl.DataFrame, condition: Condition, columns: Sequence[str]) -> pl.DataFrame:
    """Return the rows for which the condition is unknown, with the reasons of the missing figures."""
    open_rows = rows.filter(condition.expression.is_null())
    numbers = [name for name in condition.names if name in NUMBERS]
    texts = [name for name in condition.names if name in TEXTS]
    missing = open_rows.select(
        *(expression.alias(name) for name, expression in zip(numbers, with_reasons(numbers), strict=True)),
        *(pl.when(pl.col(name).is_null()).then(pl.lit(f"no_{name}_known")).alias(name) for name in texts),
    ).to_dicts()
    reasons = [json.dumps({n: r for n, r in row.items() if r}, separators=(",", ":")) for row in missing]
    return open_rows.select("symbol", "date", *columns, pl.Series("reasons", reasons, dtype=pl.String))
