"""Compute the factors that the SQL functions cannot: of two currencies, and of several classes of shares.

The inputs of factors that meet a price in another currency are converted.

Balances are converted at the closing rate of the day of their balance sheet, and flows at the mean rate of
their twelve months (IAS 21.39 to 40 and ASC 830-10-55: closing and average rates). Both rates were published
before the statements, so a later rate never changes an answer. A formula without the market cap stays as it
is: its inputs are in one currency, or it is NULL with ``currencies_differ``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from factorlab_lake.factors.formulas import Factor
from factorlab_lake.functions.question_texts import INPUTS, output_columns
from factorlab_lake.index.answer_columns import Column, Numbers, Texts, Vocabulary
from factorlab_lake.index.answer_frames import to_frame
from factorlab_lake.index.evaluation import Relation
from factorlab_lake.index.factor_rows import factors_of
from factorlab_lake.query.exchange_rates import ExchangeRates
from factorlab_lake.schema import identifier

__all__ = [
    "CURRENCIES",
    "DIFFER",
    "RATE_OF",
    "SEVERAL",
    "affected_pairs",
    "inputs_query",
    "priced",
    "with_converted",
    "with_part_rates",
]

CURRENCIES = ("currency", "income_currency", "balance_sheet_currency")
DIFFER = "currencies_differ"
SEVERAL = "company_market_cap: several_classes"
_PAIR = ["symbol", "date"]
# The part of each reason, whose currency and rate its inputs have; the year before has none.
RATE_OF = {
    "income_reason": "income_rate",
    "cash_flow_reason": "income_rate",
    "balance_sheet_reason": "balance_sheet_rate",
}
_INTERVALS = (
    "SELECT symbol AS of_symbol, valid_from, valid_to, income_date, balance_sheet_date "
    "FROM fundamentals_history WHERE symbol IN (SELECT unnest($symbols::VARCHAR[])) "
    "AND (of_vintage = $vintage OR NOT restated)"
)
_RATES = {
    "income_rate": pl.Float64, "income_rate_first": pl.Date, "income_rate_date": pl.Date,
    "balance_sheet_rate": pl.Float64, "balance_sheet_rate_date": pl.Date,
}  # fmt: skip


def priced(factors: Sequence[Factor]) -> tuple[Factor, ...]:
    """Return the factors whose formula has a market cap: these compare a price with statements."""
    return tuple(f for f in factors if any(not i.statement_type for i in f.inputs))


def affected_pairs(rows: pl.DataFrame, factors: Sequence[Factor], reason: str) -> pl.DataFrame:
    """Return symbol and date of the rows in which one of the factors is NULL for a reason."""
    some = rows.filter(pl.col("reasons").str.contains(reason, literal=True))
    entries = [pl.col("reasons").str.contains(f'"{f.name}":"{reason}', literal=True) for f in factors]
    return some.filter(pl.any_horizontal(pl.lit(value=False), *entries)).select(_PAIR)


def inputs_query(factors: Sequence[Factor], hindsight: str) -> str:
    """Return the query of the inputs of some factors, with the ends of the two statements."""
    names = [n for n in output_columns("factor_inputs") if n not in INPUTS and n != "inputs_available_day"]
    names += [n for n in INPUTS if n in {i.name for f in factors for i in f.inputs}]
    columns = ", ".join(f"f.{identifier(n)}" for n in (*names, "inputs_available_date"))
    return (
        f"SELECT {columns}, h.income_date, h.balance_sheet_date "
        f"FROM factor_inputs($symbols::VARCHAR[], $dates::DATE[]{hindsight}) f "
        f"LEFT JOIN ({_INTERVALS}) h ON h.of_symbol = f.symbol AND f.date >= h.valid_from "
        "AND f.date < h.valid_to"
    )


def with_part_rates(inputs: pl.DataFrame, rates: ExchangeRates) -> pl.DataFrame:
    """Add the rate of the flows with its first and last day, and that of the balances with its day."""
    means = _keyed(inputs, "income")
    for key in means:
        means[key] = rates.mean(key[0], key[1], key[2])
    days = _keyed(inputs, "balance_sheet")
    for key in days:
        [days[key]] = rates.on_days(key[0], key[1], pl.Series([key[2]])).rows()
    nothing = (None, None, None)
    rows = [
        (*(means.get(one) or nothing), *(days.get(other) or nothing[:2]))
        for one, other in zip(*(_keys(inputs, part) for part in ("income", "balance_sheet")), strict=True)
    ]
    return inputs.hstack(pl.DataFrame(rows, schema=_RATES, orient="row"))


def with_converted(rows: pl.DataFrame, inputs: pl.DataFrame, factors: Sequence[Factor]) -> pl.DataFrame:
    """Return an answer with the priced factors of some rows computed from their completed ``inputs``."""
    names = [f.name for f in factors]
    answer = _computed(_converted(inputs, factors), tuple(factors))
    before = answer.select(_PAIR).join(rows, on=_PAIR, maintain_order="left")["reasons"]
    reasons = [
        _joined(old, new, rows.columns, names) for old, new in zip(before, answer["reasons"], strict=True)
    ]
    new = answer.select(*_PAIR, *names, pl.Series("reasons", reasons, dtype=pl.String))
    return rows.update(new, on=_PAIR, include_nulls=True)


def _keys(inputs: pl.DataFrame, part: str) -> list[tuple[Any, ...]]:
    return inputs.select(f"{part}_currency", "currency", f"{part}_date").rows()


def _keyed(inputs: pl.DataFrame, part: str) -> dict[tuple[Any, ...], Any]:
    """Return an entry for each pair of two currencies and the day of a statement."""
    return {key: None for key in _keys(inputs, part) if None not in key and key[0] != key[1]}


def _converted(inputs: pl.DataFrame, factors: Sequence[Factor]) -> pl.DataFrame:
    """Return the inputs in the currency of the price, where there is a rate."""
    names = {i.name for f in factors for i in f.inputs if i.has_currency and i.name in INPUTS}
    amounts = [
        (pl.col(n) * pl.col(RATE_OF[INPUTS[n][1]]).fill_null(1.0)).alias(n)
        for n in sorted(names)
        if INPUTS[n][1] in RATE_OF
    ]
    currencies = [
        pl.when(pl.col(f"{part}_rate").is_null()).then(f"{part}_currency").otherwise("currency")
        .alias(f"{part}_currency")
        for part in ("income", "balance_sheet")
    ]  # fmt: skip
    return inputs.with_columns(*amounts, *currencies)


def _computed(inputs: pl.DataFrame, factors: tuple[Factor, ...]) -> pl.DataFrame:
    vocabulary = Vocabulary()
    day = pl.col("inputs_available_date").cast(pl.Int32).alias("inputs_available_day")
    frame = inputs.with_columns(day, pl.col("date").cast(pl.Int32), pl.col("fiscal_date").cast(pl.Int32))
    columns = {c.name: _column(c, vocabulary) for c in frame if c.dtype != pl.Date}
    with np.errstate(all="ignore"):  # values in rows that are NULL have no meaning
        return to_frame(factors_of(Relation(frame.height, vocabulary, columns), factors))


def _column(values: pl.Series, vocabulary: Vocabulary) -> Column:
    if values.dtype == pl.String:
        codes = [-1 if text is None else vocabulary.place(text) for text in values]
        return Texts(np.array(codes, np.int32))
    return Numbers(values.fill_null(0).to_numpy(), values.is_not_null().to_numpy(), computed=True)


def _joined(old: str | None, new: str | None, order: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the reasons of a row: the new ones of the factors in ``names``, the old ones of the others."""
    kept = {n: text for n, text in json.loads(old or "{}").items() if n not in names}
    every = kept | json.loads(new or "{}")
    ordered = {n: every[n] for n in order if n in every}
    return json.dumps(ordered, separators=(",", ":"), ensure_ascii=False) if ordered else None
