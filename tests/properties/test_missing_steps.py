"""Random bars around reported splits: ingest and the quality rule find the same splits without a step.

Ingest corrects or names such bars with polars, because it has no SQL engine, and the rule
``split_without_step`` finds those that remain in SQL. The texts differ, so their answers must not.
"""

from __future__ import annotations

import math
from datetime import date, timedelta
from random import Random
from typing import Any

import duckdb
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from factorlab_lake.ingest.corporate_actions.adjusted_bars import missing_steps
from factorlab_lake.quality import sql_text
from tests.support import examples

SYMBOLS = 200
FIRST = date(2020, 1, 1)
DOWNLOAD = date(2021, 1, 1)
# One is too small to show in a price, and one is near the limit.
RATIOS = [(4, 1), (2, 1), (1, 10), (5, 4), (11, 10)]
GAPS = [1, 1, 1, 3, 9, 34, 35, 36]  # days between bars: MAX_SPARSE_GAP_DAYS is among them
BARS = {
    "symbol": pl.String,
    "date": pl.Date,
    "close_price": pl.Float64,
    "split_basis_date": pl.Date,
    "stated_basis_date": pl.Date,
    "source_provider": pl.String,
}


def _splits(chance: Random, symbol: str) -> list[dict[str, Any]]:
    """Return up to three splits on different days, the first where the bars change their basis."""
    days = [FIRST + timedelta(days=d) for d in {60, *(chance.randint(30, 100) for _ in range(2))}]
    splits = []
    for day in days[: chance.choice([1, 1, 1, 2, 3])]:
        numerator, denominator = chance.choice(RATIOS)
        source = chance.choice(["file", "provider"])
        splits.append(
            {"symbol": symbol, "date": day, "source": source}
            | {"numerator": float(numerator), "denominator": float(denominator)}
        )
    return splits


def _bars(chance: Random, symbol: str, splits: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return bars that step at a split in full, in part or not at all, on bases of several kinds."""
    day, close, adjusted_from = FIRST, 100.0, FIRST + timedelta(days=chance.choice([0, 55, 60, 60, 70, 200]))
    steps_on = {
        s["date"] + timedelta(days=chance.choice([0, 0, 3, 7, 8])): s["numerator"] / s["denominator"]
        for s in splits
        if chance.random() < 0.3
    }
    provider = chance.choice(["file", "file", "file", "fmp"])
    rows = []
    while day < FIRST + timedelta(days=130):
        own = day < adjusted_from
        stated = chance.choice([None, None, None, None, day, chance.choice(splits)["date"]])
        basis = day if own else DOWNLOAD
        rows.append([symbol, day, close, basis, stated, provider])
        following = day + timedelta(days=chance.choice(GAPS))
        for on, ratio in steps_on.items():
            if day < on <= following:
                close /= ratio * math.exp(chance.gauss(0, 0.05))
        close *= math.exp(chance.gauss(0, 0.02) + chance.choice([0, 0, 0, 0, 0.3]) * chance.random())
        day = following
    return [dict(zip(BARS, row, strict=True)) for row in rows]


def _by_rule(bars: pl.DataFrame, splits: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Return the findings of the rule over the tables that it reads."""
    events = splits.select("symbol", "date", "source", ratio=pl.col("numerator") / pl.col("denominator"))
    with duckdb.connect() as session:
        session.register("price_data", bars.to_arrow())
        session.register("split_events", events.with_columns(status=pl.lit("applied")).to_arrow())
        findings = session.sql(sql_text("rules/split_without_step")).pl()
    rows: list[tuple[Any, ...]] = findings.select("symbol", "date", "value", "expected").rows()
    return sorted(rows)


@examples(40)
@given(st.integers(min_value=0))
def test_ingest_and_the_rule_find_the_same_splits_without_a_step(seed: int) -> None:
    """Each finds the same splits, between the same two bars, whatever bases, gaps and moves there are."""
    chance = Random(seed)
    reported = {f"S{number}": _splits(chance, f"S{number}") for number in range(SYMBOLS)}
    splits = pl.DataFrame([split for some in reported.values() for split in some])
    rows = [bar for symbol, some in reported.items() for bar in _bars(chance, symbol, some)]
    bars = pl.DataFrame(rows, schema=BARS)
    steps = missing_steps(bars, splits, splits)
    by_ingest = steps.select("symbol", "ex_date", pl.col("before") / pl.col("after"), "ratio").rows()
    assert by_ingest == _by_rule(bars, splits)
    assert len(by_ingest) > SYMBOLS // 20
