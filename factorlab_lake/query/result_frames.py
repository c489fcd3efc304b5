"""DuckDB results as polars frames, through Arrow and without pyarrow."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import polars as pl
from arro3.core import Table

from factorlab_lake.errors import InvalidInput

if TYPE_CHECKING:
    import duckdb

__all__ = ["in_order", "to_polars"]

# How arro3, which has no class of its own for it, begins to say what went wrong amid the rows.
_LATE = "C Data interface error: "
_MANY = 10_000  # rows from which on numbering them takes less time than it saves


def to_polars(relation: duckdb.DuckDBPyRelation | None) -> pl.DataFrame:
    """Return a result's rows; a statement without a result gives an empty frame.

    Raises :class:`InvalidInput` for what polars cannot hold: INTERVAL columns, two columns of one name.
    """
    if relation is None:
        return pl.DataFrame()
    for name, kind in zip(relation.columns, relation.types, strict=True):
        if "INTERVAL" in str(kind):
            raise InvalidInput(
                f"Column {name!r} is an INTERVAL, which frames cannot hold; cast it, such as to VARCHAR."
            )
    twice = [name for name, count in Counter(relation.columns).items() if count > 1]
    if twice:
        raise InvalidInput(
            f"Two columns are called {twice[0]!r}; give one another name with AS.", column=twice[0]
        )
    # By way of arro3: handed straight to polars, DuckDB's bindings complain of leaks when Python ends.
    try:
        return pl.DataFrame(Table.from_arrow(relation))
    except Exception as fault:
        if type(fault) is not Exception or not str(fault).startswith(_LATE):
            raise
        said = str(fault).removeprefix(_LATE)
        if "Query interrupted" in said:  # as DuckDB says it where no rows were handed over yet
            raise RuntimeError("Query interrupted") from None
        import duckdb

        raise duckdb.Error(said) from None


def in_order(rows: pl.DataFrame, symbols: list[str]) -> pl.DataFrame:
    """Return rows of these symbols ordered by symbol and date.

    Many by one number per row, the symbol's place above the days since 1970: twice as fast as by text.
    Brought together first, the rows are picked from one piece of memory instead of many.
    """
    if rows.height < _MANY:
        return rows.sort("symbol", "date")
    place = pl.col("symbol").cast(pl.Enum(sorted(set(symbols)))).to_physical().cast(pl.Int64)
    rows = rows.rechunk()
    key = rows.lazy().select(place * 2**32 + pl.col("date").to_physical()).collect()  # lazy: on all cores
    return rows.sort(key.to_series())
