"""Serve the questions of a lake as read-only tools of the Model Context Protocol."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

from factorlab_lake.cli.text_forms import records_of
from factorlab_lake.errors import InvalidInput, LakeError
from factorlab_lake.query.arguments import to_date

if TYPE_CHECKING:
    import polars as pl

    from factorlab_lake.lake import Lake

__all__ = ["MOST_COMPUTED", "MOST_ROWS", "ServedLake", "server"]

MOST_ROWS = 500
MOST_COMPUTED = 200_000
"""Rows that one call may compute, before it returns the first ones of them: seconds, and some 100 MB."""

_DAYS_OF_SYMBOL = 10_000  # assumed without a start: 27 years
_STATEMENTS_OF_SYMBOL = 100  # a quarter of a century
_SYMBOLS_OF_UNIVERSE = 1_000  # assumed where only its name is known
_MOST_BYTES = 4_000_000  # an assistant reads a fraction of it, and a longer answer blocks the connection
_INSTRUCTIONS = """Company fundamentals and prices, as they were known at each date. Dates are ISO texts such
as 2021-03-31. Amounts are in the currency of the row. A value that is null has its cause in `reason` or
`reasons`: say it instead of guessing. `describe` explains tables and columns. Every answer has a snapshot."""


def server(lake: Lake) -> FastMCP:
    """Return a server whose tools ask the newest snapshot of a lake; run it with ``run("stdio")``.

    A tool that fails because of its arguments returns the message of the error. The messages of all other
    errors are hidden, because they could show files of the machine.
    """
    served = ServedLake(lake)
    made: FastMCP = FastMCP("factorlab-lake", instructions=_INSTRUCTIONS, mask_error_details=True)
    for tool in served.tools():
        made.tool(_with_clear_errors(tool), annotations={"readOnlyHint": True, "openWorldHint": False})
    return made


class ServedLake:
    """Answer the tools of a server. Each public method but ``tools`` is one tool."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def tools(self) -> list[Callable[..., dict[str, Any]]]:
        """Return the methods that are tools."""
        return [
            self.describe,
            self.symbols,
            self.statements,
            self.prices,
            self.market_caps,
            self.factors,
            self.ttm,
            self.screen,
            self.cross_section,
            self.explain,
            self.sql,
        ]

    def describe(self, table: str | None = None) -> dict[str, Any]:
        """Describe the columns of a table or view (type, unit, meaning); without a name, list the tables."""
        lake = self._newest()
        if table is not None:
            return _answer(lake, lake.columns(table), 1_000)
        return _answer(lake, lake.status().select("table", "rows"), 1_000)

    def symbols(self, limit: int = MOST_ROWS) -> dict[str, Any]:
        """List the symbols that the lake has, with their first and last dates and their names."""
        lake = self._newest()
        return _answer(lake, lake.symbols(), limit)

    def statements(  # noqa: PLR0917 - the arguments of one tool
        self,
        symbols: list[str],
        statement_type: str = "income",
        start: str | None = None,
        end: str | None = None,
        as_of: str | None = None,
        items: list[str] | None = None,
        limit: int = MOST_ROWS,
    ) -> dict[str, Any]:
        """Return statements, one row per fiscal period with a column per line item.

        statement_type is income, balance_sheet or cash_flow; start and end limit the ends of the periods;
        as_of takes the versions that were known at that day's close; items chooses columns.
        """
        lake = self._newest()
        methods = {
            "income": lake.income_statements,
            "balance_sheet": lake.balance_sheets,
            "cash_flow": lake.cash_flows,
        }
        _check_size(len(symbols), "symbols", _STATEMENTS_OF_SYMBOL, "statements each")
        if statement_type not in methods:
            raise InvalidInput(
                f"statement_type is {statement_type!r}; expected one of {', '.join(methods)}.",
                value=statement_type,
            )
        rows = methods[statement_type](symbols, start, end, as_of=as_of, columns=items)
        return _answer(lake, rows, limit)

    def prices(
        self,
        symbols: list[str],
        start: str | None = None,
        end: str | None = None,
        adjusted: bool = False,
        limit: int = MOST_ROWS,
    ) -> dict[str, Any]:
        """Return daily bars between two dates, as stored or adjusted for splits and dividends."""
        _check_size(len(symbols), "symbols", _days(start, end), "days")
        lake = self._newest()
        return _answer(lake, lake.prices(symbols, start, end, adjusted=adjusted), limit)

    def market_caps(self, symbols: list[str], dates: list[str], limit: int = MOST_ROWS) -> dict[str, Any]:
        """Return market capitalisations as known at each date, one row per symbol and date."""
        _check_size(len(symbols), "symbols", len(dates), "dates")
        lake = self._newest()
        return _answer(lake, lake.market_caps(symbols, dates), limit)

    def factors(
        self,
        symbols: list[str],
        dates: list[str],
        factors: list[str] | None = None,
        limit: int = MOST_ROWS,
    ) -> dict[str, Any]:
        """Return valuation, quality and growth factors as known at each date; by default all of them."""
        _check_size(len(symbols), "symbols", len(dates), "dates")
        lake = self._newest()
        return _answer(lake, lake.factors(symbols, dates, factors=factors), limit)

    def ttm(self, symbols: list[str], dates: list[str], limit: int = MOST_ROWS) -> dict[str, Any]:
        """Return flows of the trailing twelve months as known at each date."""
        _check_size(len(symbols), "symbols", len(dates), "dates")
        lake = self._newest()
        return _answer(lake, lake.ttm(symbols, dates), limit)

    def screen(
        self, expression: str, date: str, universe: str | None = None, limit: int = MOST_ROWS
    ) -> dict[str, Any]:
        """Return the symbols for which a condition holds at a date, such as pe_ratio < 15 and roe > 0.15."""
        lake = self._newest()
        return _answer(lake, lake.screen(expression, date, universe=universe), limit)

    def cross_section(
        self,
        factor: str,
        dates: list[str],
        universe: str | None = None,
        by: str | None = None,
        limit: int = MOST_ROWS,
    ) -> dict[str, Any]:
        """Return the rank, percentile and z-score of a factor among all symbols, or among peers with by."""
        lake = self._newest()
        size = lake.symbols().height if universe is None else _SYMBOLS_OF_UNIVERSE
        _check_size(size, "symbols of the cross-section", len(dates), "dates")
        return _answer(lake, lake.cross_section(factor, dates, universe=universe, by=by), limit)

    def explain(self, factor: str, symbol: str, date: str) -> dict[str, Any]:
        """Show how market_cap or a factor is computed: each input with its filing and dates."""
        lake = self._newest()
        if factor == "market_cap":
            return _answer(lake, lake.explain_market_cap(symbol, date), MOST_ROWS)
        return _answer(lake, lake.explain_factor(factor, symbol, date), MOST_ROWS)

    def sql(self, query: str, limit: int = MOST_ROWS) -> dict[str, Any]:
        """Run one SELECT of DuckDB's SQL over the lake's tables and functions, in a sandbox."""
        lake = self._newest()
        try:
            return _answer(lake, lake.sql(query), limit)
        finally:
            lake.close()  # what one query creates or drops is not there for the next

    def _newest(self) -> Lake:
        return self._lake.refresh()


def _days(start: str | None, end: str | None) -> int:
    if start is None:
        return _DAYS_OF_SYMBOL
    last = datetime.now(UTC).date() if end is None else to_date(end)
    return max((last - to_date(start)).days, 1)


def _check_size(one: int, ones: str, other: int, others: str) -> None:
    """Raise :class:`InvalidInput` before the work for an answer of which only the first rows are returned."""
    if one * other > MOST_COMPUTED:
        raise InvalidInput(
            f"{one:,} {ones} x {other:,} {others} are {one * other:,} rows; expected at most "
            f"{MOST_COMPUTED:,}, and an answer has {MOST_ROWS:,}. Ask for fewer, or let sql count, group or "
            "filter them.",
            rows=one * other,
        )


def _answer(lake: Lake, rows: pl.DataFrame, limit: int) -> dict[str, Any]:
    """Return the first rows, the number of all, and the snapshot that they are of."""
    if limit < 1:
        raise InvalidInput(f"limit is {limit}; expected a number of rows from 1 on.", value=limit)
    most = min(limit, 10 * MOST_ROWS)
    size = rows.head(most).estimated_size()
    if size > _MOST_BYTES:
        raise InvalidInput(
            f"The answer has {size:,} bytes; expected at most {_MOST_BYTES:,}: ask for fewer rows or columns."
        )
    answer = {"snapshot": lake.snapshot.id, "row_count": rows.height, "rows": records_of(rows.head(most))}
    if rows.height > most:
        answer["cut"] = f"only the first {most:,} of {rows.height:,} rows; narrow the question"
    return answer


def _with_clear_errors(tool: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Turn errors that say what to change into errors of the protocol, which shows their message."""

    @wraps(tool)
    def run(*args: Any, **kwargs: Any) -> dict[str, Any]:
        try:
            return tool(*args, **kwargs)
        except LakeError as error:
            raise ToolError(str(error)) from None

    return run
