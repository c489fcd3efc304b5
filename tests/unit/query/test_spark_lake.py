"""Test what a lake in a Spark session refuses before Spark sees it."""

from __future__ import annotations

import re
from typing import Any

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.functions.shell.spark import register
from factorlab_lake.lake import Lake
from factorlab_lake.query.spark_lake import SparkLake

_NO_SESSION: Any = None  # an error comes first


def test_another_availability_rule_is_refused(lake_2021: Lake) -> None:
    """Rows of another rule are computed by DuckDB, so Spark would answer by the stored rule."""
    with pytest.raises(InvalidInput, match="no derived rows of the availability rule 3"):
        register(_NO_SESSION, fl.open(lake_2021.path, availability=3))


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        (
            "market_caps",
            {"symbols": "AAPL", "dates": "2021-03-31", "vintage": "newest"},
            "known, first, latest",
        ),
        (
            "market_caps",
            {"symbols": "AAPL", "dates": "2021-03-31", "price_age_limit": "3 days"},
            "price_age_limit",
        ),
        ("ttm", {"symbols": "AAPL", "dates": "2021-03-31T12:00"}, "2021-03-31T12:00"),
        ("factors", {"symbols": [7], "dates": "2021-03-31"}, "A symbol is a string"),
        ("ratios", {"symbols": "AAPL", "start_date": "2021-01-01", "end_date": "2020-01-01"}, "swap them"),
        ("quarters", {"symbols": "AAPL", "vintage": "'; DROP TABLE x"}, "known, first, latest"),
        ("statements_as_of", {"as_of": "yesterday"}, "yesterday"),
        ("table", {"name": "price_dat"}, "Did you mean 'price_data'"),
    ],
)
def test_a_mistake_is_refused(lake_2021: Lake, method: str, arguments: dict[str, Any], message: str) -> None:
    """The errors are those of the lake's own methods."""
    answers = SparkLake(_NO_SESSION, lake_2021._reader, location=None, read_as="delta")
    with pytest.raises(InvalidInput, match=re.escape(message)):
        getattr(answers, method)(**arguments)


def test_an_unknown_way_to_read_is_refused(lake_2021: Lake) -> None:
    """The error names the ways."""
    with pytest.raises(InvalidInput, match="delta, parquet"):
        register(_NO_SESSION, lake_2021, read_as="csv")
