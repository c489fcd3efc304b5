"""Test the figures of several providers side by side."""

from __future__ import annotations

from datetime import date

import pytest

from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.lake import Lake
from tests.support import answer, income, writing

_Q3, _Q4 = "2020-06-27", "2020-09-26"


@pytest.fixture
def two(lake: Lake) -> Lake:
    """Return a lake with two quarters of a vendor, and another one's last quarter that ends 4 days later."""
    early = {"fillingDate": "2020-07-31", "acceptedDate": "2020-07-30 18:00:00"}
    vendor = [income(_Q3, "Q3", revenue=80.0, **early), income(_Q4, "Q4", revenue=100.0, netIncome=0.0)]
    other = [income("2020-09-30", "Q4", revenue=75.0, netIncome=0.0)]
    with writing(lake) as tx:
        merge_batch(
            tx, [answer("income", rows, provider=name) for name, rows in (("fmp", vendor), ("sec", other))]
        )
    return lake.refresh()


def test_each_item_has_a_column_per_provider(two: Lake) -> None:
    """100 and 75 differ by a quarter of the larger; two zeros do not differ; one value has no difference."""
    rows = two.compare_providers("AAPL")
    assert rows.columns == [
        "statement_type",
        "fiscal_date",
        "fiscal_period",
        "item",
        "fmp",
        "sec",
        "difference",
    ]
    revenue = rows.filter(item="revenue").select("fiscal_date", "fmp", "sec", "difference")
    assert revenue.rows() == [
        (date.fromisoformat(_Q3), 80.0, None, None),
        (date.fromisoformat(_Q4), 100.0, 75.0, 0.25),
    ]
    income_of_year = rows.filter(item="net_income", fiscal_date=date.fromisoformat(_Q4))
    assert income_of_year.select("fmp", "sec", "difference").rows() == [(0.0, 0.0, 0.0)]


def test_the_figures_are_those_known_at_the_day(two: Lake) -> None:
    """In August only the vendor's third quarter was known."""
    rows = two.compare_providers("AAPL", as_of="2020-08-31")
    assert rows.columns == ["statement_type", "fiscal_date", "fiscal_period", "item", "fmp", "difference"]
    assert rows["fiscal_date"].unique().to_list() == [date.fromisoformat(_Q3)]


def test_a_symbol_without_statements_has_no_rows(two: Lake) -> None:
    """Nothing is compared, and there is no column of a provider."""
    rows = two.compare_providers("NONE")
    assert rows.is_empty()
    assert rows.columns == ["statement_type", "fiscal_date", "fiscal_period", "item", "difference"]
