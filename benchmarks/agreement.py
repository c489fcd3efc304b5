"""Whether two answers agree: nobody is fast with the wrong answer."""

from __future__ import annotations

import polars as pl

__all__ = ["agreement"]

_TOLERANCE = 1e-12  # relative: the order of summing may move the last bits


def agreement(ours: pl.DataFrame, theirs: pl.DataFrame, columns: list[str]) -> str:
    """Compare columns of two answers by symbol and date; return how many values are equal, or raise."""
    pairs = ours.select("symbol", "date", *columns).join(
        theirs.select("symbol", "date", *columns), on=["symbol", "date"], how="full", coalesce=True
    )
    if not ours.height == theirs.height == pairs.height:
        raise RuntimeError(
            f"Ours has {ours.height} rows, the peer's {theirs.height}, together {pairs.height}."
        )
    for name in columns:
        off = pairs.filter(_differs(pl.col(name), pl.col(f"{name}_right")))
        if off.height:
            shown = off.select("symbol", "date", name, f"{name}_right").head(3).rows()
            raise RuntimeError(f"{off.height} values of {name} differ, such as {shown}.")
    given = sum(pairs[name].count() for name in columns)
    if not given:
        raise RuntimeError(f"Nobody gave a value of {', '.join(columns)}.")
    return f"equal: {given:,}"


def _differs(ours: pl.Expr, theirs: pl.Expr) -> pl.Expr:
    one_is_null = ours.is_null() != theirs.is_null()
    return one_is_null | ((ours - theirs).abs() > _TOLERANCE * theirs.abs()).fill_null(value=False)
