"""Define the methods that return tables as they are, and run any SQL, for a lake and for a shared server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from factorlab_lake.errors import InvalidInput, check_type
from factorlab_lake.query.arguments import is_text
from factorlab_lake.query.company_questions import CompanyQuestions
from factorlab_lake.schema import identifier, table

if TYPE_CHECKING:
    import polars as pl

__all__ = ["BY_BYTES", "TableQuestions"]

BY_BYTES = 'COLLATE "C"'
"""One order of texts on every server."""

_LOGGED = ", ".join(map(identifier, table("data_fetch_log").names()))


class TableQuestions(CompanyQuestions):
    """Return the log and the revisions, and run the SQL of a user."""

    def fetch_log(self) -> pl.DataFrame:
        """Return the fetch log: one row per fetch or cache file, ordered by time."""
        return self.session.frame(
            f"SELECT {_LOGGED} FROM data_fetch_log "
            f"ORDER BY fetch_date, symbol {BY_BYTES}, data_type {BY_BYTES}, fetch_id {BY_BYTES}"
        )

    def revisions(self) -> pl.DataFrame:
        """Return every replaced value: one row per table, key and column, with the old and the new value."""
        return self.session.frame(
            f"SELECT * FROM revisions ORDER BY table_name {BY_BYTES}, symbol {BY_BYTES}, date, "
            f"column_name {BY_BYTES}, fiscal_period {BY_BYTES}, recorded_at, fetch_id {BY_BYTES}"
        )

    def sql(self, query: str, /, *, frames: Mapping[str, Any] | None = None, **params: Any) -> pl.DataFrame:
        """Run any SQL over the tables and functions; ``$name`` in it takes the value of that keyword.

        It can read ``frames`` as tables under these names: frames of polars and pandas, whose index is left
        out, and tables of pyarrow. They are there for this call only, in a sandbox too, but not on a server
        or within a transaction.

        Columns and rows are those of the query. A later query of the same thread can use what this one
        creates or sets; no other method, and no other thread, is affected. After :meth:`close` all of it is
        gone. An error within a transaction rolls it back. Raises
        :class:`~factorlab_lake.errors.InvalidInput` where DuckDB or the server refuses the query, for a file
        of yours that cannot be read, and for a statement that would write into the lake's folder. For SQL
        that you do not trust, open the lake with ``sandbox=True``.
        """
        check_type(query, str, "query", "SQL as a string")
        for name, value in {"The query": query, **{f"${n}": v for n, v in params.items()}}.items():
            if isinstance(value, str) and not is_text(value):
                raise InvalidInput(
                    f"{name} has a surrogate, which stands for a byte that is not text; remove it."
                )
        if frames is None:
            return self.session.sql(query, params)
        check_type(frames, Mapping, "frames", "a dictionary such as {'mine': frame}")
        return self._sql_over_frames(query, params, frames)

    def _sql_over_frames(self, query: str, params: dict[str, Any], frames: Mapping[str, Any]) -> pl.DataFrame:
        """Run the SQL of a user over tables and frames; only a lake in a folder can."""
        raise NotImplementedError
