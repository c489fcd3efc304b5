"""Test the values that a later fetch replaced."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.lake import Lake
from tests.support import answer, income, writing

_LATER = datetime(2024, 2, 1, tzinfo=UTC)


def _replaced(lake: Lake) -> list[tuple[str, str | None, str | None]]:
    rows = lake.refresh().revisions().filter(table_name="income_statements", column_name="revenue")
    return [(str(row["date"]), row["old"], row["new"]) for row in rows.to_dicts()]


@pytest.mark.parametrize(
    ("end", "period"), [("2020-09-26", "Q4"), ("2020-09-30", "Q4"), ("2020-09-24", "Q3")]
)
def test_a_value_is_replaced_where_the_end_or_the_label_moved(lake: Lake, end: str, period: str) -> None:
    """A fetch that moves the period's end by up to a week, or its label, replaces the revenue too."""
    with writing(lake) as tx:
        merge_batch(tx, [answer("income", [income("2020-09-26", "Q4", revenue=1.0)])])
    with writing(lake) as tx:
        merge_batch(tx, [answer("income", [income(end, period, revenue=2.0)], at=_LATER)])
    assert _replaced(lake) == [(end, "1.0", "2.0")]


@pytest.mark.parametrize(("end", "period"), [("2020-12-26", "Q1"), ("2020-09-26", "FY")])
def test_another_period_replaces_nothing(lake: Lake, end: str, period: str) -> None:
    """The next quarter is another period, and so is the year that ends with the quarter."""
    with writing(lake) as tx:
        merge_batch(tx, [answer("income", [income("2020-09-26", "Q4", revenue=1.0)])])
    with writing(lake) as tx:
        merge_batch(tx, [answer("income", [income(end, period, revenue=2.0)], at=_LATER)])
    assert _replaced(lake) == []
