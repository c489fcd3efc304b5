"""Define the questions about statements and quarters, for a lake and for a shared server."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from datetime import timedelta
from typing import Any

import polars as pl

from factorlab_lake.errors import InvalidInput, listed_names
from factorlab_lake.index.statement_blocks import StatementRequest, saturated
from factorlab_lake.query.arguments import DateLike, date_range, one_of, to_date
from factorlab_lake.query.explanations import of_one_snapshot
from factorlab_lake.query.frame_columns import checked_columns, chosen_columns
from factorlab_lake.query.query_hints import QueryHints, RowFilter
from factorlab_lake.query.table_questions import BY_BYTES, TableQuestions
from factorlab_lake.query.wide_statements import STATEMENT_KEY, wide_columns, wide_statements
from factorlab_lake.schema import STATEMENT_TABLES, STATEMENT_TYPES
from factorlab_lake.schema.derived_tables import VINTAGES
from factorlab_lake.schema.rules import LAST_DAY, SAME_PERIOD_DAYS

__all__ = ["StatementQuestions", "hindsight"]

_KEY = ("symbol", "statement_type", *STATEMENT_KEY[1:])
_CONTENT_FIRST = (
    *("symbol", "statement_type", "fiscal_date", "fiscal_period", "fiscal_year", "reported_currency"),
    *("metrics", "data_quality_score", "version", "change_kind", "available_date", "availability_basis"),
)


class StatementQuestions(TableQuestions):
    """Return statements as JSON or with typed columns, and quarters."""

    def _answer(self, key: tuple[Hashable, ...], compute: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """Compute the answer of the function and arguments in ``key``; a subclass can cache it."""
        del key
        return compute()

    def _indexed_statements(self, symbols: list[str], request: StatementRequest) -> pl.DataFrame | None:
        """Return statements from a read index; None without one."""
        del symbols, request
        return None

    @of_one_snapshot
    def statements(  # noqa: PLR0913 - all but three by name only
        self,
        symbols: str | Iterable[str],
        start: DateLike | None = None,
        end: DateLike | None = None,
        *,
        types: Iterable[str] = STATEMENT_TYPES,
        as_of: DateLike | None = None,
        vintage: str = "known",
        columns: Iterable[str] | None = None,
    ) -> pl.DataFrame:
        """Return statements whose fiscal period ends between two dates (both included).

        Without ``as_of``, the rows are all versions: one row per symbol, statement type, fiscal period and
        version. With it, they are the statements known at that day's close: one row per symbol, provider,
        type and period. Columns are those of ``financial_statements``, content first; all line items are in
        ``metrics`` (JSON, in ``reported_currency``). ``types`` are income, balance_sheet and cash_flow. Rows
        are ordered by symbol, type, period and version. ``columns`` chooses some, after those that tell the
        rows apart. :meth:`income_statements` and its neighbours have a column for each item.

        ``vintage`` needs ``as_of``. ``known`` returns each period's newest version of that day, ``first`` its
        first, and ``latest`` the newest of all. ``latest`` is hindsight: ``available_date`` may be later than
        ``as_of``.
        """
        names = self._symbols.names(symbols)
        chosen = checked_columns(columns, "metrics")
        rows = self._statements(names, start, end, types=types, as_of=as_of, vintage=vintage)
        others = [name for name in rows.columns if name not in _CONTENT_FIRST]
        known = [*_CONTENT_FIRST, *others]
        rows = rows.select(chosen_columns(chosen, known, key=_KEY, example="metrics"))
        return self._symbols.checked_rows(rows, names)

    @of_one_snapshot
    def income_statements(
        self,
        symbols: str | Iterable[str],
        start: DateLike | None = None,
        end: DateLike | None = None,
        *,
        as_of: DateLike | None = None,
        vintage: str = "known",
        columns: Iterable[str] | None = None,
    ) -> pl.DataFrame:
        """Return income statements with one typed column per line item, in ``reported_currency``.

        The rows are those of :meth:`statements`: one per symbol, fiscal period and version, and with
        ``as_of`` one per symbol, provider and period as known at that day's close. They are ordered by
        symbol, period and version. An item that is not reported is NULL. After the items come version and
        dates. ``columns`` chooses some, such as ``["revenue", "accepted_at"]``, after symbol, period and
        version; it can name every column of the table ``income_statements``.

        Without ``columns`` there are no timestamps, so the frame can go to Excel: ``rows.write_excel(path)``,
        or ``rows.to_pandas().to_excel(path)``. Raises :class:`~factorlab_lake.errors.InvalidInput` for an
        unknown column, with the nearest name.
        """
        of = {"start": start, "end": end, "as_of": as_of, "vintage": vintage}
        names = self._symbols.names(symbols)
        return self._symbols.checked_rows(self._wide("income", names, columns, **of), names)

    @of_one_snapshot
    def balance_sheets(
        self,
        symbols: str | Iterable[str],
        start: DateLike | None = None,
        end: DateLike | None = None,
        *,
        as_of: DateLike | None = None,
        vintage: str = "known",
        columns: Iterable[str] | None = None,
    ) -> pl.DataFrame:
        """Return balance sheets with one typed column per line item, as :meth:`income_statements` does.

        ``columns`` chooses some, such as ``["total_assets"]``.
        """
        of = {"start": start, "end": end, "as_of": as_of, "vintage": vintage}
        names = self._symbols.names(symbols)
        return self._symbols.checked_rows(self._wide("balance_sheet", names, columns, **of), names)

    @of_one_snapshot
    def cash_flows(
        self,
        symbols: str | Iterable[str],
        start: DateLike | None = None,
        end: DateLike | None = None,
        *,
        as_of: DateLike | None = None,
        vintage: str = "known",
        columns: Iterable[str] | None = None,
    ) -> pl.DataFrame:
        """Return cash flow statements with one typed column per line item, as :meth:`income_statements` does.

        ``columns`` chooses some, such as ``["free_cash_flow"]``.
        """
        of = {"start": start, "end": end, "as_of": as_of, "vintage": vintage}
        names = self._symbols.names(symbols)
        return self._symbols.checked_rows(self._wide("cash_flow", names, columns, **of), names)

    def _wide(self, kind: str, names: list[str], columns: Iterable[str] | None, **of: Any) -> pl.DataFrame:
        """Return the statements of one type with a typed column per line item."""
        wide = wide_columns(kind, columns)
        return wide_statements(self._statements(names, types=[kind], **of), kind, wide)

    @of_one_snapshot
    def quarters(
        self,
        symbols: str | Iterable[str],
        start: DateLike | None = None,
        end: DateLike | None = None,
        *,
        as_of: DateLike | None = None,
        vintage: str = "known",
    ) -> pl.DataFrame:
        """Return each quarter's flows as known at the close of a day; by default, as known now.

        One row per symbol and quarter end between two dates (both included), in this order, in
        ``reported_currency``. A quarter that is not reported is derived from cumulative figures, and
        ``derivation`` shows how. If a needed cumulative figure is missing, the quarter's flows are NULL and
        ``reason`` says why.
        """
        first, last = date_range(start, end)
        one_of(vintage, VINTAGES, "vintage")
        names = self._symbols.names(symbols)
        rows = self.session.frame(
            f"SELECT * FROM quarters($symbols::VARCHAR[], $as_of::DATE, vintage := '{vintage}') "
            "WHERE fiscal_date BETWEEN $first AND $last",
            {
                "symbols": names,
                "as_of": LAST_DAY if as_of is None else to_date(as_of, "as_of"),
                "first": first,
                "last": last,
            },
            needs=QueryHints(symbols=names),
        )
        return self._symbols.checked_rows(rows, names)

    def _statements(
        self,
        names: list[str],
        start: DateLike | None,
        end: DateLike | None,
        *,
        types: Iterable[str],
        as_of: DateLike | None,
        vintage: str,
    ) -> pl.DataFrame:
        kinds = listed_names(types, "types", "'income'", may_be_empty=True)
        for kind in kinds:
            one_of(kind, STATEMENT_TYPES, "statement type")
        first, last = date_range(start, end)
        params: dict[str, Any] = {"symbols": names, "types": kinds, "first": first, "last": last}
        source = _statements_source(as_of, vintage)
        if as_of is not None:
            params["as_of"] = to_date(as_of, "as_of")
        # Versions of one period can end some days apart.
        around = timedelta(days=0 if as_of is None else SAME_PERIOD_DAYS)
        earliest, latest = saturated(first, -around), saturated(last, around)
        rows = RowFilter(names, earliest.isoformat(), latest.isoformat())
        tables = {name: rows if kind in kinds else None for kind, name in STATEMENT_TABLES.items()}
        needs = QueryHints(tables, names, short=True)
        query = (
            f"SELECT * FROM {source} WHERE symbol IN (SELECT unnest($symbols::VARCHAR[])) "
            "AND statement_type IN (SELECT unnest($types::VARCHAR[])) "
            "AND fiscal_date BETWEEN $first AND $last "
            f"ORDER BY symbol {BY_BYTES}, statement_type, fiscal_date, fiscal_period {BY_BYTES}, version"
        )

        request = StatementRequest(tuple(kinds), first, last, params.get("as_of"), vintage)

        def compute() -> pl.DataFrame:
            stored = self._indexed_statements(names, request)
            return self.session.frame(query, params, needs=needs) if stored is None else stored

        return self._answer(("statements", tuple(names), request), compute)


def _statements_source(as_of: DateLike | None, vintage: str) -> str:
    one_of(vintage, VINTAGES, "vintage")
    if as_of is not None:
        return f"statements_as_of($as_of{hindsight(vintage)})"
    if vintage != VINTAGES[0]:
        raise InvalidInput(
            f"vintage is {vintage!r} but as_of is missing: without as_of every version is returned; "
            "pass as_of too, such as '2024-06-30'.",
            vintage=vintage,
        )
    return "financial_statements"


def hindsight(vintage: str) -> str:
    """Return the argument of a SQL function for a vintage."""
    return "" if vintage == "known" else f", vintage := '{vintage}'"
