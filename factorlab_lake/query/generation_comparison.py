"""Compare what two generations of fetches said of a symbol, by item.

A generation is what the fetches of one provider had brought by the end of a day (UTC): of each period, or of
each share count, the newest content among the rows fetched by then.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl

from factorlab_lake.query.provider_comparison import relative_difference
from factorlab_lake.schema import PERIOD_MONTHS

__all__ = ["COUNTS", "FETCHES", "changed_items"]

FETCHES = (
    "SELECT provider, fetch_date FROM data_fetch_log WHERE symbol = $symbol AND success AND data_type IN "
    "('income_statements', 'balance_sheets', 'cash_flows', 'shares_outstanding')"
)
COUNTS = (
    "SELECT source_provider, as_of_date, source, version, change_kind, shares, fetched_at, filing_date, link "
    "FROM shares_outstanding WHERE symbol = $symbol"
)
_SHARES = "shares"  # stands for the statement type of a share count
_KEY = ["provider", "statement_type", "fiscal_date", "fiscal_period", "item"]
_OF_NEWER = ["kind", "mapping_before", "mapping_after", "filing_date", "link", "fetched_at"]
_SCHEMA: dict[str, Any] = {
    **dict.fromkeys([*_KEY, *_OF_NEWER], pl.String),
    **dict.fromkeys(("before", "after"), pl.Float64),
    **dict.fromkeys(("fiscal_date", "filing_date"), pl.Date),
    "fetched_at": pl.Datetime("us", "UTC"),
}
_Row = dict[str, Any]


def changed_items(
    statements: pl.DataFrame,
    counts: pl.DataFrame,
    fetches: pl.DataFrame,
    *,
    before: date | None,
    after: date | None,
) -> pl.DataFrame:
    """Return a row per item whose value differs between two generations of its provider.

    ``fetches`` has the times of all fetches. Without ``after``, it is the provider's last day with fetches;
    without ``before``, the last one earlier than ``after``.
    """
    rows = _contents(statements, counts)
    fetched = [*fetches.iter_rows(), *((row["source_provider"], row["fetched_at"]) for row in rows)]
    changes: list[_Row] = []
    for provider in sorted({name for name, _ in fetched}):
        own = [row for row in rows if row["source_provider"] == provider]
        days = sorted({at.date() for name, at in fetched if name == provider})
        last = days[-1] if after is None else after
        earlier = [day for day in days if day < last]
        first = before if before is not None else (earlier[-1] if earlier else date.min)
        old, new = _generation(own, first), _generation(own, last)
        for period, row in new.items():
            changes += _changes(provider, old.get(period), row)
    frame = pl.DataFrame(changes, schema=_SCHEMA, orient="row")
    columns = [*_KEY, "before", "after", relative_difference(["before", "after"]), *_OF_NEWER]
    return frame.select(columns).sort(_KEY)


def _contents(statements: pl.DataFrame, counts: pl.DataFrame) -> list[_Row]:
    """Return statements and share counts in one form: ``period`` identifies what versions replace."""
    of_periods = [
        row | {"period": _period(row), "items": json.loads(row["metrics"])}
        for row in statements.iter_rows(named=True)
    ]
    of_days = [
        row
        | {"period": (_SHARES, row["source"], row["as_of_date"]), "statement_type": _SHARES}
        | {"fiscal_date": row["as_of_date"], "items": {row["source"]: row["shares"]}}
        for row in counts.iter_rows(named=True)
    ]
    return of_periods + of_days


def _period(row: _Row) -> tuple[Any, ...]:
    end = row["period_end"] or row["fiscal_date"]
    return row["statement_type"], PERIOD_MONTHS.get(row["fiscal_period"]), end


def _generation(rows: list[_Row], day: date) -> dict[tuple[Any, ...], _Row]:
    """Return the newest content of each period among the rows that were fetched by the end of a day."""
    newest: dict[tuple[Any, ...], _Row] = {}
    for row in sorted(rows, key=lambda row: row["version"]):
        if row["fetched_at"].date() <= day:
            newest[row["period"]] = row
    return newest


def _changes(provider: str, old: _Row | None, new: _Row) -> Iterator[_Row]:
    """Yield a row per item whose value differs; every item of a period that was not there before."""
    before, after = {} if old is None else old["items"], new["items"]
    for item in dict.fromkeys([*before, *after]):
        if before.get(item) != after.get(item):
            yield {name: new.get(name) for name in _SCHEMA} | {
                "provider": provider,
                "item": item,
                "before": before.get(item),
                "after": after.get(item),
                "kind": new["change_kind"],
                "mapping_before": None if old is None else old.get("mapping"),
                "mapping_after": new.get("mapping"),
            }
