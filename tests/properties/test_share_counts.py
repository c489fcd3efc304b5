"""Compare the best share count of each day with a plain model of the rules."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factorlab_lake.derive.computation import compute
from factorlab_lake.schema.derived_tables import READ_FOR_DERIVATION
from tests.properties.share_counts import (
    Answer,
    Count,
    Split,
    best_count,
    count_rows,
    income_rows,
    random_history,
)
from tests.support import examples, table_rows

COMPANIES = 16
DAYS = [date(2014, 3, 1) + timedelta(days=29 * n) for n in range(76)]
Companies = dict[str, tuple[list[Count], list[Split]]]


def share_count_rows(companies: Companies) -> list[dict[str, Any]]:
    """Return the computed rows of share_count_history."""
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in READ_FOR_DERIVATION}
    for symbol, (counts, splits) in companies.items():
        tables["income_statements"] += income_rows(symbol, counts)
        tables["shares_outstanding"] += count_rows(symbol, counts)
        tables["splits"] += [
            # Without a kind the counts, some of them wrong, would decide whether it is a split.
            {"symbol": symbol, "date": s.day, "numerator": s.ratio, "denominator": 1.0, "source": "file"}
            | {"kind": "split"}
            for s in splits
        ]
    with duckdb.connect() as con:
        for name, rows in tables.items():
            con.register(name, table_rows(name, rows))
        compute(con, list(companies), ["fmp"])
        answer = con.sql("FROM temp.share_count_history ORDER BY symbol, of_vintage, valid_from")
        names = answer.columns
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def row_on(rows: list[dict[str, Any]], day: date, vintage: str) -> dict[str, Any] | None:
    """Return the row of one symbol that is valid on a day."""
    valid = [r for r in rows if r["valid_from"] <= day < r["valid_to"]]
    of_vintage = [r for r in valid if r["of_vintage"] == vintage or not r["restated"]]
    assert len(of_vintage) <= 1
    return of_vintage[0] if of_vintage else None


def outcome(answer: Answer | None, row: dict[str, Any] | None) -> tuple[Any, Any]:
    """Return what the model and the row say, in one form."""
    expected: Any = None
    if answer is not None and (answer.count or answer.reason):
        count = answer.count
        named = count is not None and answer.reason is None
        expected = (
            answer.shares,
            answer.reason,
            answer.age_limit_days,
            (count.source, count.end) if count and named and answer.shares else None,
        )
    got: Any = None
    if row is not None:
        source = row["source"]
        source = "weighted_average" if source and source.startswith("weighted") else source
        named = row["reason"] is None and row["shares"] is not None
        got = (
            row["shares"],
            row["reason"],
            200 + row["extra_age_days"],
            (source, row["fiscal_date"]) if named else None,
        )
    return expected, got


def compared(vintage: str, seed: int) -> set[str]:
    """Compare the counts of random companies with those of the model, and return which kinds there were."""
    chance = Random(seed)
    companies = {f"C{number}": random_history(chance) for number in range(COMPANIES)}
    rows = share_count_rows(companies)
    seen = set()
    for symbol, (counts, splits) in companies.items():
        own = [row for row in rows if row["symbol"] == symbol]
        for day in DAYS:
            answer = best_count(counts, splits, day, vintage)
            expected, got = outcome(answer, row_on(own, day, vintage))
            assert expected == got, (symbol, day, vintage, counts, splits)
            seen.add(answer.reason or (answer.count.source if answer.count and answer.shares else "none"))
    return seen


@pytest.mark.first_cases(1)
@pytest.mark.parametrize("vintage", ["known", "first", "latest"])
@examples(3)
@given(seed=st.integers(0, 2**32))
def test_the_best_count_is_that_of_the_model(vintage: str, seed: int) -> None:
    """Whatever is missing, impossible, contradictory, restated or late, on each day of six years."""
    compared(vintage, seed)


def test_random_histories_have_every_kind_of_count() -> None:
    """One set of companies has all sources of a count, and counts that are refused."""
    kinds = {"share_count_implausible", "cover_page", "balance_sheet", "weighted_average"}
    assert kinds <= compared("known", 1)
