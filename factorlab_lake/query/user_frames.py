"""Show frames of a caller as tables to one call of ``sql``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb
import polars as pl
from arro3.core import Table

from factorlab_lake.errors import InvalidInput, check_type
from factorlab_lake.functions.duckdb_functions import FUNCTIONS
from factorlab_lake.schema import TABLES

__all__ = ["UserFrames"]

_EXPECTED = "a polars or pandas frame, or a table of pyarrow"
_OF_THE_USER = (
    "SELECT lower(table_name) FROM duckdb_tables() WHERE NOT internal UNION ALL "
    "SELECT lower(view_name) FROM duckdb_views() WHERE NOT internal"
)


class UserFrames:
    """Register frames on the connection of a user for one call; DuckDB reads them in place.

    None is registered during a transaction: its rollback would restore the view of a frame that is freed.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self._registered: list[str] = []

    @contextmanager
    def shown(self, frames: Mapping[str, Any]) -> Iterator[None]:
        """Show frames under their names; raise :class:`InvalidInput` for a name that would hide a table."""
        self._remove()  # an interrupt can have left some
        if not frames:
            yield
            return
        readable = {name: _readable(name, frame) for name, frame in frames.items()}
        self._check_names(list(readable))
        self._reject_transaction()
        try:
            for name, frame in readable.items():
                self._registered.append(name)
                self._con.register(name, frame)
            yield
        finally:
            self._remove()

    def _remove(self) -> None:
        while self._registered:
            self._con.unregister(self._registered[-1])
            self._registered.pop()

    def _check_names(self, names: list[str]) -> None:
        own = self._con.execute(_OF_THE_USER).fetchall()
        taken = {name: "that an earlier query created" for (name,) in own}
        taken |= dict.fromkeys([*TABLES, *FUNCTIONS], "of the lake")
        for name in names:
            if not name.isidentifier() or not name.isascii():
                raise InvalidInput(
                    f"frames has the name {name!r}; use letters, digits and underscores.", frame=name
                )
            if (owner := taken.get(name.lower())) is not None:
                raise InvalidInput(
                    f"frames has the name {name!r}, which would hide the table or function {name.lower()} "
                    f"{owner}; choose another name.",
                    frame=name,
                )
            taken[name.lower()] = "of the same frames"

    def _reject_transaction(self) -> None:
        # Each statement has a transaction of its own, unless one is open. To begin one would abort that.
        first, second = (self._con.execute("SELECT txid_current()").fetchall() for _ in range(2))
        if first == second:
            raise InvalidInput(
                "frames cannot be used within a transaction; COMMIT or ROLLBACK it first, or create a table "
                "from the frame before BEGIN."
            )


def _readable(name: Any, frame: Any) -> Any:
    """Return what DuckDB can read of a frame, without pyarrow."""
    check_type(name, str, "A name in frames", "a name such as 'mine'")
    if type(frame).__module__.partition(".")[0] == "pandas" and hasattr(frame, "columns"):
        return frame
    if isinstance(frame, pl.DataFrame):
        if objects := [column for column, kind in frame.schema.items() if kind == pl.Object]:
            raise InvalidInput(f"frames[{name!r}] has objects in its column {objects[0]!r}; cast or drop it.")
        frame = frame.with_columns(pl.col(pl.Null).cast(pl.Int32))  # arro3 cannot read a column without type
    elif not hasattr(frame, "__arrow_c_stream__") or not hasattr(frame, "columns"):
        raise InvalidInput(f"frames[{name!r}] is a {type(frame).__name__}; expected {_EXPECTED}.", frame=name)
    return Table.from_arrow(frame)
