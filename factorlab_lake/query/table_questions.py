"""Define the methods that return tables as they are, and run any SQL, for a lake and for a shared server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from factorlab_lake.errors import InvalidInput, check_type
from factorlab_lake.query.arguments import is_text, one_of
from factorlab_lake.query.company_questions import CompanyQuestions
from factorlab_lake.query.table_columns import described
from factorlab_lake.schema import TABLES, identifier, table

if TYPE_CHECKING:
    import polars as pl

__all__ = ["BY_BYTES", "TableQuestions"]

BY_BYTES = 'COLLATE "C"'
"""One order of texts on every server."""

_VIEWS = ("financial_statements", "financial_ratios", "revisions")
_SYMBOLS = """
SELECT h.symbol, b.first_price, b.last_price, s.first_period, s.last_period,
  p.company_name, p.sector, p.exchange
FROM (SELECT symbol FROM price_data UNION SELECT symbol FROM financial_statements) AS h
LEFT JOIN (
  SELECT symbol, min(date) AS first_price, max(date) AS last_price FROM price_data GROUP BY symbol
) AS b ON b.symbol = h.symbol
LEFT JOIN (
  SELECT symbol, min(fiscal_date) AS first_period, max(fiscal_date) AS last_period
  FROM financial_statements GROUP BY symbol
) AS s ON s.symbol = h.symbol
LEFT JOIN company_profiles AS p ON p.symbol = h.symbol
"""
_LOGGED = ", ".join(map(identifier, table("data_fetch_log").names()))


class TableQuestions(CompanyQuestions):
    """Return what a lake contains, its log and its revisions, and run the SQL of a user."""

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

    def symbols(self) -> pl.DataFrame:
        """Return one row per symbol that has a bar or a statement, ordered by symbol.

        ``first_price`` and ``last_price`` are the dates of its first and last bar, ``first_period`` and
        ``last_period`` the ends of the first and last fiscal period of its statements. The name, sector and
        exchange are those of the newest profile.

        >>> import factorlab_lake as fl
        >>> fl.open("data/lake").symbols().columns[:3]
        ['symbol', 'first_price', 'last_price']
        """
        return self.session.frame(f"{_SYMBOLS} ORDER BY h.symbol {BY_BYTES}")

    def columns(self, name: str | None = None) -> pl.DataFrame:
        """Return one row per column of a table or view: its type, unit and meaning; by default of all tables.

        Types are those of DuckDB. Raises :class:`InvalidInput` for an unknown table, and names the nearest.

        >>> import factorlab_lake as fl
        >>> fl.open("data/lake").columns("splits").row(1)[:3]
        ('splits', 'date', 'DATE')
        """
        names = list(TABLES) if name is None else [one_of(name, [*TABLES, *_VIEWS], "table")]
        return described(names, lambda view: self.session.frame(f"SELECT * FROM {identifier(view)} LIMIT 0"))

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
