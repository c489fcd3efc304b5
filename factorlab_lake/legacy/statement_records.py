"""Return statements as FMP's records, and the fiscal periods of ratios; both come from the read index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from factorlab_lake.ingest.record_frames import render
from factorlab_lake.query.questions import Questions
from factorlab_lake.query.wide_statements import wide_statements
from factorlab_lake.schema import STATEMENT_TABLES, table

__all__ = ["is_of_length", "statement_records"]

_GROUP = ["statement_type", "symbol"]
_PERIOD = ["fiscal_date", "fiscal_period"]


def statement_records(
    lake: Questions, symbols: list[str], datasets: Sequence[str], *, annual: bool, limit: int | None
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return ``{dataset: {symbol: records}}`` of fiscal years or of quarters, in the newest version of each.

    Records are newest first, at most ``limit`` of each. All datasets are one question.
    """
    if not datasets:
        return {}
    rows = lake.statements(symbols, types=datasets).filter(is_of_length(annual=annual))
    newest = rows.unique([*_GROUP, *_PERIOD], keep="last", maintain_order=True)
    ordered = newest.sort(_PERIOD, descending=[True, False], maintain_order=True)
    # The items are text until here, so none is decoded that no record shows.
    shown = ordered if limit is None else ordered.group_by(_GROUP, maintain_order=True).head(limit)
    return {dataset: _records(shown, dataset) for dataset in datasets}


def is_of_length(*, annual: bool) -> pl.Expr:
    """Return the condition that a statement is of a fiscal year, or of a part of one."""
    is_year = pl.col("fiscal_period") == "FY"
    return is_year if annual else ~is_year


def _records(rows: pl.DataFrame, dataset: str) -> dict[str, list[dict[str, Any]]]:
    of_dataset = rows.filter(statement_type=dataset)
    wide = wide_statements(of_dataset, dataset, table(STATEMENT_TABLES[dataset]).names())
    parts = wide.partition_by("symbol", as_dict=True, maintain_order=True)
    return {symbol: render(part, dataset, "v3", with_nulls=True) for (symbol,), part in parts.items()}
