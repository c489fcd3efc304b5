"""Tests of factors that a user chooses or defines."""

from __future__ import annotations

import json

import pytest
from polars.testing import assert_frame_equal

from factorlab_lake.errors import InvalidInput
from factorlab_lake.functions.definitions import chosen_factors
from factorlab_lake.lake import Lake

DAYS = ["2010-01-31", "2019-12-31", "2020-12-31"]
OWN = {"ev_to_sales": "enterprise_value / revenue", "margin": "(revenue - cost_of_revenue) / revenue"}


def test_chosen_factors_are_those_of_all_factors(lake_2021: Lake) -> None:
    """A choice has the values of the full answer, and the reasons of the chosen factors alone."""
    every = lake_2021.factors(["AAPL", "GOOGL"], DAYS)
    some = lake_2021.factors(["AAPL", "GOOGL"], DAYS, factors=["roe", "pe_ratio"])
    names = ["symbol", "date", "market_cap", "roe", "pe_ratio", "fiscal_date", "inputs_available_date"]
    assert_frame_equal(some.select(names), every.select(names))
    for chosen, whole in zip(some["reasons"].to_list(), every["reasons"].to_list(), strict=True):
        expected = {k: v for k, v in json.loads(whole or "{}").items() if k in ("roe", "pe_ratio")}
        assert json.loads(chosen or "{}") == expected


def test_a_defined_factor_is_the_arithmetic_over_its_inputs(lake_2021: Lake) -> None:
    """The value follows from the columns of factor_inputs."""
    rows = lake_2021.factors("AAPL", "2020-12-31", factors=list(OWN), define=OWN)
    inputs = lake_2021.sql("SELECT * FROM factor_inputs(['AAPL'], [DATE '2020-12-31'])").row(0, named=True)
    debt = inputs["total_debt"] + (inputs["preferred_stock"] or 0) + (inputs["minority_interest"] or 0)
    cash = inputs["cash_and_cash_equivalents"] + (inputs["short_term_investments"] or 0)
    expected = (inputs["market_cap"] + debt - cash) / inputs["revenue"]
    assert rows["ev_to_sales"].item() == pytest.approx(expected, rel=1e-12)
    assert rows["margin"].item() == pytest.approx(
        1 - inputs["cost_of_revenue"] / inputs["revenue"], rel=1e-12
    )
    assert rows["reasons"].item() is None


def test_a_definition_that_is_not_chosen_is_a_column_too(lake_2021: Lake) -> None:
    """Definitions come after the chosen factors; one that is chosen keeps its place, and is there once."""
    rows = lake_2021.factors("AAPL", "2020-12-31", factors=["margin", "roe"], define=OWN)
    whole = lake_2021.factors("AAPL", "2020-12-31", define=OWN)
    names = [name for name in rows.columns if name in whole.columns[whole.columns.index("pe_ratio") :]]
    assert names[:3] == ["margin", "roe", "ev_to_sales"]
    assert_frame_equal(rows.select(names[:3]), whole.select(names[:3]))


def test_a_defined_factor_has_its_reason(lake_2021: Lake) -> None:
    """A missing input and a division by zero are named."""
    define = {"nothing": "revenue / (revenue - revenue)", "early": "market_cap / revenue"}
    late = lake_2021.factors("AAPL", "2020-12-31", define=define)
    assert json.loads(late["reasons"].item())["nothing"] == "division by zero"
    early = lake_2021.factors("AAPL", "2010-01-31", define=define)
    assert json.loads(early["reasons"].item())["early"].startswith("market_cap: ")


@pytest.mark.parametrize(
    ("define", "message"),
    [
        ({"x": "revenue / revnue"}, "Did you mean 'revenue'"),
        ({"x": "__import__('os')"}, "is not allowed"),
        ({"x": "revenue ** 2"}, "is not allowed"),
        ({"x": "("}, "cannot be read"),
        ({"x": "revenue; DROP TABLE x"}, "cannot be read"),
        ({"x": "True"}, "is not allowed"),
        ({"x": "revenue * 1e999"}, "is not allowed"),
        ({"x": "-" * 5000 + "revenue"}, "cannot be read"),
        ({"pe_ratio": "revenue"}, "the name of another column"),
        ({"revenue": "revenue"}, "the name of another column"),
        ({'x"y': "revenue"}, "cannot have this name"),
    ],
)
def test_another_expression_or_name_is_refused(define: dict[str, str], message: str) -> None:
    """Test that only names of inputs, numbers and arithmetic are allowed."""
    with pytest.raises(InvalidInput, match=message):
        chosen_factors(None, define)


def test_an_unknown_factor_is_refused() -> None:
    """The error lists the factors and names the nearest one."""
    with pytest.raises(InvalidInput, match=r"There is no factor 'pe_ratoi'.*Did you mean 'pe_ratio'"):
        chosen_factors(["pe_ratoi"], None)


def test_an_empty_choice_names_the_own_definitions() -> None:
    """The error shows how to get one's own factors alone."""
    with pytest.raises(InvalidInput, match="factors is empty; expected at least one name, such as 'x', 'y'"):
        chosen_factors([], {"x": "revenue", "y": "net_income"})
