"""Find the members of a universe at each date: a loaded list, or a sector, an industry or an exchange."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from factorlab_lake.errors import InvalidInput, check_type, nearest
from factorlab_lake.query.arguments import is_text
from factorlab_lake.query.query_hints import QueryHints, QuerySession

__all__ = ["GROUPS", "classifications", "members", "members_within", "of_members"]

GROUPS = ("sector", "industry", "exchange")
"""The columns of a profile by which symbols are grouped."""

_MEMBERS = "SELECT symbol, valid_from, valid_to FROM universe_members WHERE universe = $universe"
_NAMES = "SELECT DISTINCT universe FROM universe_members"
_GROUPED = f"SELECT symbol, valid_from, valid_to, {', '.join(GROUPS)} FROM sectors"
_NOTHING = QueryHints({"price_data": None}, short=True)


def members(session: QuerySession, universe: str) -> pl.DataFrame:
    """Return the memberships of a universe: ``symbol``, ``valid_from`` and ``valid_to``, which is excluded.

    ``universe`` is the name of a loaded one, or such as ``"sector:Technology"``. Raises
    :class:`InvalidInput` for one without members, with the nearest name.
    """
    check_type(universe, str, "universe", "a name such as 'sp500' or 'sector:Technology'")
    if not is_text(universe):
        raise InvalidInput("universe has a surrogate, which stands for a byte that is not text.")
    spells = session.frame(_MEMBERS, {"universe": universe}, needs=_NOTHING)
    if spells.is_empty():
        every = session.frame(_NAMES, needs=_NOTHING)["universe"].to_list()
        names = [name for name in every if _group(name) == _group(universe)]
        known = f"expected one of {', '.join(sorted(names)[:10])}" if names else "the lake holds none"
        raise InvalidInput(
            f"There is no universe {universe!r}; {known}. Load one into the table universes (universe, "
            "symbol, valid_from, valid_to), or name a group such as 'sector:Technology'."
            f"{nearest(universe, names)}",
            universe=universe,
        )
    return spells


def _group(universe: str) -> str | None:
    """Return the column of a profile that a universe names; None for a loaded one."""
    group, colon, _ = universe.partition(":")
    return group if colon and group in GROUPS else None


def of_members(rows: pl.DataFrame, spells: pl.DataFrame) -> pl.DataFrame:
    """Return the rows whose symbol is a member on their date, in their order."""
    on_day = (pl.col("date") >= pl.col("valid_from")) & (pl.col("date") < pl.col("valid_to"))
    pairs = rows.select("symbol", "date").unique().join(spells, on="symbol").filter(on_day)
    return rows.join(pairs.select("symbol", "date").unique(), on=["symbol", "date"], how="semi")


def members_within(spells: pl.DataFrame, dates: Sequence[date]) -> list[str]:
    """Return the symbols that are members on any of some dates, in order."""
    if not dates:
        return []
    near = (pl.col("valid_from") <= max(dates)) & (pl.col("valid_to") > min(dates))
    return sorted(spells.filter(near)["symbol"].unique())


def classifications(session: QuerySession) -> pl.DataFrame:
    """Return sector, industry and exchange of each symbol's company by interval, as ``sectors`` has them."""
    return session.frame(_GROUPED, needs=_NOTHING)
