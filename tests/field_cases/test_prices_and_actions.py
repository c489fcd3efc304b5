"""Test the field cases about bars, splits and dividends."""

from __future__ import annotations

import json
from datetime import date

import pytest

from factorlab_lake.lake import Lake
from tests.field_cases.given import INPUTS, fetch, one, records


def test_01_a_zoned_day_is_the_day_of_its_zone(lake: Lake) -> None:
    """Midnight in Tokyo is 15:00 UTC of the day before; the bar is of the day in Tokyo."""
    lake.load("price_data", INPUTS / "01_tokyo_bars.parquet")
    days = [date(2024, 5, day) for day in (7, 8, 9, 10, 13)]
    assert lake.prices("7203.T")["date"].to_list() == days
    assert all(day.weekday() < 5 for day in days)


def test_05_two_ratios_of_one_day_are_both_held_and_named(lake: Lake) -> None:
    """Neither ratio vanishes: it is stored or rejected, and quality names the contradiction."""
    listed = records("05_two_splits_one_day.json")
    fetch(lake, ["SOPA"], ["splits"], {"splits": listed})
    stored = lake.sql("SELECT denominator FROM splits")["denominator"].to_list()
    rejected = [json.loads(text) for text in lake.sql("SELECT record FROM rejected_records")["record"]]
    assert sorted(stored + [float(record["denominator"]) for record in rejected]) == [10.0, 15.0]
    assert rejected or not lake.quality("SOPA").is_empty()


def test_22_a_bar_of_zeros_never_replaces_the_real_one(lake: Lake) -> None:
    """The close of 2019-10-08 is 224.40; the record of zeros has that of the day before."""
    lake.migrate(INPUTS / "22_stub_bar_beside_the_real_one")
    bar = one(lake.prices("AAPL", "2019-10-08", "2019-10-08"))
    assert (bar["close_price"], bar["volume"]) == (224.40, 29_282_700.0)
    assert bar["high_price"] == pytest.approx(226.644)
