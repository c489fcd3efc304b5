"""Define for each method of Factor Lab's classes how answers are joined and compared as rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from factorlab_lake.legacy.pandas_frames import load_pandas
from factorlab_lake.storage.duckdb_frames import in_order

__all__ = ["FORMS", "QuestionForm"]

_STATEMENTS = ("financial_statements",)
_BOTH = ("price_data", "financial_statements")


@dataclass(frozen=True, slots=True)
class QuestionForm:
    """Describe one method. ``provider`` loads the class that has it.

    ``needs``: tables that must have rows of a symbol. ``join`` merges answers, each for part of the symbols.
    ``rows`` converts an answer to a frame with one row per ``keys`` and the compared values.
    """

    provider: Callable[[], Callable[..., Any]]
    needs: tuple[str, ...]
    keys: tuple[str, ...]
    join: Callable[[Sequence[Any], list[str]], Any]
    rows: Callable[[Any], pl.DataFrame]


def _by_symbol(parts: Sequence[pl.DataFrame], _: list[str]) -> pl.DataFrame:
    return pl.concat(parts, how="vertical_relaxed").sort("symbol", maintain_order=True)


def _in_symbol_order(parts: Sequence[pl.DataFrame], symbols: list[str]) -> pl.DataFrame:
    return in_order(pl.concat(parts, how="vertical_relaxed"), symbols)


def _join_by_name(parts: Sequence[dict[str, Any]], symbols: list[str]) -> dict[str, Any]:
    return {symbol: part[symbol] for symbol in symbols for part in parts if symbol in part}


def _join_columns(parts: Sequence[Any], symbols: list[str]) -> Any:
    frame = load_pandas().concat(parts, axis=1).sort_index()
    return frame[[symbol for symbol in symbols if symbol in frame.columns]]


def _statement_rows(answer: pl.DataFrame) -> pl.DataFrame:
    # A server returns JSON with another order of items and another format of numbers.
    metrics = [None if m is None else _canonical(m) for m in answer["metrics"].cast(pl.String)]
    values = pl.Series("metrics", metrics, pl.String), pl.col("accepted_date")
    return answer.select("symbol", "statement_type", "fiscal_date", "fiscal_period", *values)


def _canonical(text: str) -> str:
    return json.dumps(json.loads(text, parse_int=float), sort_keys=True)


def _ratio_rows(answer: pl.DataFrame) -> pl.DataFrame:
    numbers = [name for name, kind in answer.schema.items() if kind.is_float()]
    return answer.select("symbol", "fiscal_date", *numbers)


def _cap_rows(answer: pl.DataFrame) -> pl.DataFrame:
    # Closes and share counts may have different split bases, but the bases cancel out in their product.
    return answer.select("symbol", "date", "market_cap")


def _factor_rows(answer: dict[str, Any]) -> pl.DataFrame:
    frames = [
        pl.DataFrame({"date": frame.index.to_numpy(), **{c: frame[c].to_numpy() for c in frame.columns}})
        .with_columns(pl.col(pl.Float64).fill_nan(None))
        .select(pl.lit(symbol).alias("symbol"), pl.all())
        for symbol, frame in answer.items()
    ]
    return pl.concat(frames)


def _price_rows(answer: Any) -> pl.DataFrame:
    days = answer.index.to_numpy()
    frames = [
        pl.DataFrame({"date": days, "value": answer[symbol].to_numpy()})
        .filter(pl.col("value").is_not_nan())
        .select(pl.lit(symbol).alias("symbol"), pl.all())
        for symbol in answer.columns
    ]
    no_rows = pl.DataFrame(schema={"symbol": pl.String, "date": pl.Datetime, "value": pl.Float64})
    return pl.concat(frames or [no_rows])


def _record_rows(answer: dict[str, dict[str, list[dict[str, Any]]]]) -> pl.DataFrame:
    rows = [
        (symbol, kind, record["date"], record["period"], json.dumps(record, sort_keys=True, default=str))
        for symbol, kinds in answer.items()
        for kind, records in kinds.items()
        for record in records
    ]
    schema = ["symbol", "statement_type", "date", "period", "record"]
    return pl.DataFrame(rows, schema=dict.fromkeys(schema, pl.String), orient="row")


def _fmp_provider() -> Callable[..., Any]:
    from factorlab_lake.legacy.fmp_provider import FMPProvider  # needs pandas, so load it on first use

    return FMPProvider


def _database_provider() -> Callable[..., Any]:
    from factorlab_lake.legacy.database_provider import DatabaseProvider

    return partial(DatabaseProvider, frames="polars")


_DATED = ("symbol", "date")
FORMS: dict[str, QuestionForm] = {
    "get_fundamental_factors": QuestionForm(_fmp_provider, _BOTH, _DATED, _join_by_name, _factor_rows),
    "get_prices": QuestionForm(_fmp_provider, ("price_data",), _DATED, _join_columns, _price_rows),
    "batch_fetch_statements": QuestionForm(
        _fmp_provider,
        _STATEMENTS,
        ("symbol", "statement_type", "date", "period"),
        _join_by_name,
        _record_rows,
    ),
    "get_financial_statements": QuestionForm(
        _database_provider,
        _STATEMENTS,
        ("symbol", "statement_type", "fiscal_date", "fiscal_period"),
        _by_symbol,
        _statement_rows,
    ),
    "get_financial_ratios": QuestionForm(
        _database_provider, _BOTH, ("symbol", "fiscal_date"), _by_symbol, _ratio_rows
    ),
    "calculate_market_caps_batch": QuestionForm(
        _database_provider, _BOTH, _DATED, _in_symbol_order, _cap_rows
    ),
}
