"""Test that Apple's filings land as SEC published them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.sec_rows import land_sec
from tests.support import content, made_once

STATEMENTS = {"income_statements": (124, 107), "balance_sheets": (73, 68), "cash_flows": (82, 72)}


def _make(place: Path) -> None:
    land_sec(fl.open(place))


@pytest.fixture(scope="module")
def apple(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake that has all of Apple's filings."""
    return fl.open(made_once(tmp_path_factory, "apple_from_sec", _make), create=False)


def test_every_version_of_every_period_lands(apple: Lake) -> None:
    """The file has 279 statements of 247 periods, and 136 share counts."""
    for name, expected in STATEMENTS.items():
        rows = apple.sql(f"FROM {name}")
        assert (rows.height, rows.unique(["fiscal_date", "fiscal_period"]).height) == expected, name
    counts = apple.sql("SELECT source, count(*) AS n FROM shares_outstanding GROUP BY source ORDER BY source")
    assert counts.rows() == [("balance_sheet", 69), ("cover_page", 67)]


def test_the_same_filings_again_change_nothing(tmp_path: Path) -> None:
    """A second merge of the same filings adds no row."""
    lake = fl.open(tmp_path / "lake")
    land_sec(lake, until=date(2010, 12, 31))
    before = content(lake)["income_statements"]
    land_sec(lake, until=date(2010, 12, 31))
    assert content(lake)["income_statements"].equals(before)


def test_figures_are_as_filed(apple: Lake) -> None:
    """The 10-K/A of January 2010 restated fiscal 2009: revenue 36,537 became 42,905 (million)."""
    year = apple.sql(
        "SELECT available_date, revenue FROM income_statements "
        "WHERE fiscal_date = '2009-09-26' AND fiscal_period = 'FY' ORDER BY available_date"
    )
    assert year.rows() == [(date(2009, 10, 28), 36_537e6), (date(2010, 1, 26), 42_905e6)]
    cover = apple.sql("SELECT as_of_date, shares, split_basis_date FROM shares_outstanding")
    assert cover.filter(pl.col("as_of_date") == date(2020, 7, 17)).rows() == [
        (date(2020, 7, 17), 4_275_634_000.0, date(2020, 7, 30))
    ]
