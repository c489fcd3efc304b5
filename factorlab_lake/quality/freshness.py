"""How fresh what a lake holds is, by the rules that decide what is worth fetching."""

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
    next_trading_day,
)
from factorlab_lake.quality.queries import sql_text
from factorlab_lake.query.query_hints import QuerySession
from factorlab_lake.schema import DATASETS, STATEMENT_TABLES, identifier, literal

__all__ = ["freshness", "statement_dates"]

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
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


def freshness(
    session: QuerySession, *, now: datetime | None = None, policy: FetchPolicy = DEFAULT
) -> pl.DataFrame:
    """Return one row per symbol, dataset and period held, ordered so.

    ``expected_next`` is the day from which newer rows can be there: for bars the next weekday, whose bars are
    final at 18:00 in New York; for reports the next period's end by the company's own rhythm and ten days;
    for the rest the day on which it is asked for again. ``overdue`` from that day on.
    """
    moment = now or datetime.now(UTC)
    given = spacings(session.frame("SELECT symbol, fiscal_period, fiscal_date FROM income_statements"))
    rows = [_row(row, given, moment, policy) for row in _held(session).iter_rows(named=True)]
    found = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    return found.sort("symbol", "dataset", "period", nulls_last=True)


def _held(session: QuerySession) -> pl.DataFrame:
    """Return what is held, with the newest fetch that asked for it, also where it brought nothing new."""
    held = session.frame(sql_text("held_dates").replace("{{statement_dates}}", statement_dates()))
    asked = session.frame(sql_text("last_fetches"))
    marked = held.with_columns(
        table_name=pl.col("dataset").replace_strict(DATASETS),
        annual=(pl.col("period") == "annual").fill_null(value=False),
    )
    joined = marked.join(
        asked.with_columns(pl.col("annual").fill_null(value=False)),
        on=["symbol", "table_name", "annual"],
        how="left",
    )
    return joined.with_columns(fetched_at=pl.max_horizontal("fetched_at", "row_fetched_at"))


def statement_dates() -> str:
    """Return the select of every statement's symbol, dataset, period, period end and fetch."""
    return " UNION ALL ".join(
        f"SELECT symbol, {literal(kind)} AS dataset, fiscal_period, fiscal_date, fetched_at "
        f"FROM {identifier(table)}"
        for kind, table in STATEMENT_TABLES.items()
    )


def _row(
    row: dict[str, Any], spacing_days: dict[tuple[str, str], float], now: datetime, policy: FetchPolicy
) -> tuple[Any, ...]:
    symbol, dataset, period, last = (row[n] for n in ("symbol", "dataset", "period", "last_date"))
    today = now.astimezone(NEW_YORK).date()
    if dataset == "price":
        expected, by = next_trading_day(last), newest_settled(now).date()
    elif period:
        days = spacing_days.get((symbol, period), USUAL_SPACING_DAYS[period])
        expected, by = next_report(last, days), today
    else:
        asked: date = row["fetched_at"].astimezone(NEW_YORK).date()
        expected, by = policy.refreshed(asked), today
    late = (by - expected).days
    return (
        symbol,
        dataset,
        period,
        row["first_date"],
        last,
        row["fetched_at"],
        expected,
        late >= 0,
        max(late, 0),
    )
