"""Test that facts of later fetches turn no answer into another value, for every kind of company.

A later fetch may show that an answer cannot be known: it becomes NULL, with one of few reasons. A cap whose
basis was only assumed may move to a proven basis. A filing whose hour one fetch lacks counts from the next
day on; a fetch that has the hour may show that it was public by the close of its own day. A list may have a
split that never was: the bars contradict it, so it changes no answer before the next list retracts it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import factorlab_lake as fl
from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.lake import Lake
from tests.properties.generations import (
    DAYS,
    FETCHES,
    KINDS,
    Company,
    companies,
    filing_days,
    served,
    true_caps,
    true_revenues,
)
from tests.support import examples, writing

_REASONS = {"split_unknown", "company_changed", "period_length_unknown"}
_VALUES = {"market_caps": ["market_cap"], "ttm": ["revenue", "net_income"], "factors": ["pe_ratio"]}
_TOLERANCE = 1e-9


def _fetch(lake: Lake, world: list[Company], number: int) -> None:
    with writing(lake) as tx:
        merge_batch(tx, [result for company in world for result in served(company, FETCHES[number])])
    lake.refresh()


def _answers(lake: Lake, world: list[Company], number: int, vintage: str) -> dict[str, pl.DataFrame]:
    fetched = FETCHES[number].date()
    days = [day for day in DAYS if day <= fetched]
    symbols = [company.symbol for company in world]
    return {name: getattr(lake, name)(symbols, days, vintage=vintage) for name in _VALUES}


def _days_of_lost_hours(world: list[Company]) -> pl.DataFrame:
    """Return the symbols and days of the filings whose hour some fetches lack."""
    days = [(c.symbol, day) for c in world if c.kind == "acceptance_lost" for day in filing_days(c)]
    return pl.DataFrame(days, ["symbol", "date"], orient="row")


def _changed(before: pl.DataFrame, after: pl.DataFrame, values: list[str]) -> pl.DataFrame:
    """Return the rows whose answer became another value, or NULL without an accepted reason."""
    both = before.join(after, on=["symbol", "date"], suffix="_after")
    if "split_evidence" in both.columns:
        both = both.filter(pl.col("split_evidence") != "assumed")
    named = pl.any_horizontal(pl.col("reason_after").str.contains(reason) for reason in sorted(_REASONS))
    faults = []
    for value in values:
        now, then = pl.col(f"{value}_after"), pl.col(value)
        other = ((now - then).abs() > _TOLERANCE * then.abs()).fill_null(value=False)
        lost = now.is_null() & then.is_not_null() & ~named.fill_null(value=False)
        faults.append(
            both.filter(other | lost).select("symbol", "date", value, f"{value}_after", "reason_after")
        )
    return pl.concat(faults, how="diagonal")


@examples(3)
@given(seed=st.integers(0, 2**32))
@pytest.mark.parametrize("vintage", ["known", "first"])
def test_a_later_fetch_turns_no_answer_into_another_value(
    tmp_path_factory: pytest.TempPathFactory, vintage: str, seed: int
) -> None:
    """Four fetches of companies of every kind: the answers about the past stay, or become NULL."""
    world = companies(Random(seed))
    lake = fl.open(tmp_path_factory.mktemp("later") / "lake")
    earlier = []
    for number in range(len(FETCHES)):
        _fetch(lake, world, number)
        earlier.append(_answers(lake, world, number, vintage))
    for before in earlier[:-1]:
        for name, values in _VALUES.items():
            after = _answers(lake, world, len(FETCHES) - 1, vintage)[name]
            if name == "factors":
                after = after.with_columns(reason=pl.coalesce("reasons", "reason"))
            faults = _changed(before[name], after, values)
            faults = faults.join(_days_of_lost_hours(world), on=["symbol", "date"], how="anti")
            assert faults.is_empty(), (name, faults.head(8).to_dicts())


_TRUTH: dict[str, tuple[str, Callable[[Company, date], set[float] | set[int]]]] = {
    "market_caps": ("market_cap", true_caps),
    "ttm": ("revenue", true_revenues),
}
_MAX_NULL = 0.02  # of the answers that have a right value
_UNKNOWABLE = {"ticker_reused"}  # between its two companies, there is no answer


@examples(3)
@given(seed=st.integers(0, 2**32), fetches=st.integers(1, len(FETCHES)))
@pytest.mark.parametrize("question", list(_TRUTH))
def test_answers_are_the_true_values(
    tmp_path_factory: pytest.TempPathFactory, question: str, seed: int, fetches: int
) -> None:
    """After any number of fetches every answer is the true value, and few are NULL."""
    world = companies(Random(seed))
    lake = fl.open(tmp_path_factory.mktemp("true") / "lake")
    for number in range(fetches):
        _fetch(lake, world, number)
    column, truth = _TRUTH[question]
    answers = _answers(lake, world, fetches - 1, "known")[question]
    missing = dict.fromkeys(KINDS, 0)
    for company in world:
        rows = answers.filter(pl.col("symbol") == company.symbol)
        expected = {day: truth(company, day) for day in rows["date"]}
        for row in rows.iter_rows(named=True):
            right, value = expected[row["date"]], row[column]
            missing[company.kind] += value is None and bool(right)
            close = (
                [abs(value - each) <= _TOLERANCE * each for each in right] if value is not None else [True]
            )
            assert any(close), (company, row, right)
    lost = {
        kind: n for kind, n in missing.items() if n > 1 + _MAX_NULL * len(DAYS) and kind not in _UNKNOWABLE
    }
    assert not lost, lost
