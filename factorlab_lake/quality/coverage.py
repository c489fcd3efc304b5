"""Report which days and reports a lake contains, which are missing, and which are overdue."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from factorlab_lake.ingest.fetch_log import USUAL_SPACING_DAYS, spacings
from factorlab_lake.ingest.plan import (
    DEFAULT,
    NEW_YORK,
    FetchPolicy,
    newest_settled,
    next_report,
)
from factorlab_lake.quality import calendar_params, sql_text
from factorlab_lake.query.query_hints import QuerySession
from factorlab_lake.schema import DATASETS, STATEMENT_TABLES, identifier, literal
from factorlab_lake.schema.market_calendar import next_trading_day

__all__ = ["coverage", "freshness"]

_FRESHNESS_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "dataset": pl.String,
    "period": pl.String,
    "first_date": pl.Date,
    "last_date": pl.Date,
    "fetched_at": pl.Datetime("us", "UTC"),
    "expected_next": pl.Date,
    "overdue": pl.Boolean,
    "overdue_days": pl.Int64,
}


def coverage(session: QuerySession) -> pl.DataFrame:
    """Return one row per symbol, dataset, period and year; ``sql/coverage.sql`` describes the columns."""
    query = sql_text("coverage").replace("{{statement_dates}}", _statement_dates())
    return session.frame(query, calendar_params())


def freshness(
    session: QuerySession, *, now: datetime | None = None, policy: FetchPolicy = DEFAULT
) -> pl.DataFrame:
    """Return one row per symbol, dataset and period, sorted by these columns.

    ``expected_next`` is the first day on which newer data can exist:

    - bars: the next trading day of New York, abroad the next weekday; its bar is final at 18:00 in New York
    - reports: ten days after the next period's end, by the company's own interval between reports
    - other data: the day on which the fetch policy fetches it again

    ``overdue`` is true from that day on.
    """
    moment = now or datetime.now(UTC)
    spacing_days = spacings(session.frame("SELECT symbol, fiscal_period, fiscal_date FROM income_statements"))
    rows = [
        _freshness_row(row, spacing_days, moment, policy)
        for row in _stored_dates(session).iter_rows(named=True)
    ]
    frame = pl.DataFrame(rows, schema=_FRESHNESS_SCHEMA, orient="row")
    return frame.sort("symbol", "dataset", "period", nulls_last=True)


def _stored_dates(session: QuerySession) -> pl.DataFrame:
    """Return the first and last date of each dataset, with its newest fetch.

    A fetch that returned only known rows stores no row, so its time comes from the fetch log.
    """
    stored = session.frame(sql_text("stored_dates").replace("{{statement_dates}}", _statement_dates()))
    fetches = session.frame(sql_text("last_fetches"))
    keyed = stored.with_columns(
        table_name=pl.col("dataset").replace_strict(DATASETS),
        annual=(pl.col("period") == "annual").fill_null(value=False),
    )
    joined = keyed.join(
        fetches.with_columns(pl.col("annual").fill_null(value=False)),
        on=["symbol", "table_name", "annual"],
        how="left",
    )
    return joined.with_columns(fetched_at=pl.max_horizontal("fetched_at", "row_fetched_at"))


def _statement_dates() -> str:
    """Return a SELECT of the symbol, dataset, fiscal period, period end and fetch time of all statements."""
    return " UNION ALL ".join(
        f"SELECT symbol, {literal(kind)} AS dataset, fiscal_period, fiscal_date, fetched_at "
        f"FROM {identifier(table)}"
        for kind, table in STATEMENT_TABLES.items()
    )


def _freshness_row(
    row: dict[str, Any], spacing_days: dict[tuple[str, str], float], now: datetime, policy: FetchPolicy
) -> tuple[Any, ...]:
    symbol, dataset, period, last = (row[n] for n in ("symbol", "dataset", "period", "last_date"))
    today = now.astimezone(NEW_YORK).date()
    if dataset == "price":
        expected, newest = next_trading_day(last, symbol), newest_settled(now, symbol).date()
    elif period:
        days = spacing_days.get((symbol, period), USUAL_SPACING_DAYS[period])
        expected, newest = next_report(last, days), today
    else:
        fetched: date = row["fetched_at"].astimezone(NEW_YORK).date()
        expected, newest = policy.refreshed(fetched), today
    late_days = (newest - expected).days
    return (
        symbol,
        dataset,
        period,
        row["first_date"],
        last,
        row["fetched_at"],
        expected,
        late_days >= 0,
        max(late_days, 0),
    )
