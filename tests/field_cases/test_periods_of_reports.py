"""Test the field cases about transition years and half-yearly reports."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from factorlab_lake.lake import Lake
from tests.field_cases.given import INPUTS, one, text_file

_TRANSITION = INPUTS / "06_transition_year"


def test_06_six_months_are_no_year(lake: Lake) -> None:
    """A year of 1 bn a quarter: the trailing year is 4 bn, and the last quarter is 2 bn - 1 bn."""
    lake.migrate(_TRANSITION)
    year = one(lake.ttm("TRNS", "2023-04-28"))
    assert (year["revenue"], year["reason"]) == (pytest.approx(4e9), None)
    quarter = one(lake.quarters("TRNS", "2022-12-31", "2022-12-31", as_of="2023-04-28"))
    assert quarter["revenue"] == pytest.approx(1e9)


def test_06_without_quarters_the_half_year_is_no_year(lake: Lake, tmp_path: Path) -> None:
    """The annual file alone cannot give the twelve months to December 2022: NULL with a reason."""
    cache = tmp_path / "cache"
    shutil.copytree(_TRANSITION, cache, ignore=shutil.ignore_patterns("*quarterly*"))
    lake.migrate(cache)
    year = one(lake.ttm("TRNS", "2023-04-28"))
    assert year["revenue"] is None
    assert year["reason"]
    assert one(lake.ttm("TRNS", "2022-12-30"))["revenue"] == pytest.approx(4e9)


def _rio(lake: Lake, folder: Path) -> None:
    lake.migrate(INPUTS / "20_half_yearly")
    profile = "symbol,company_name,currency,is_adr\nRIO.L,Rio Tinto,USD,false\n"
    lake.load("company_profiles", text_file(folder, "profiles.csv", profile))


def test_20_a_half_yearly_reporter_is_not_stale_between_reports(lake: Lake, tmp_path: Path) -> None:
    """The cap is 50 x 1.62 bn = 81 bn, even seven months after the end of the newest half year."""
    _rio(lake, tmp_path)
    for day in ("2023-01-31", "2023-02-21", "2024-02-16"):
        cap = one(lake.market_caps("RIO.L", day))
        assert cap["market_cap"] == pytest.approx(81e9), (day, cap["reason"])


def test_20_earnings_show_the_unit_of_a_quote_in_london(lake: Lake) -> None:
    """There is no profile, but earnings of 7.65 a share tell that 50.0 are no pence: 50 x 1.62 bn."""
    lake.migrate(INPUTS / "20_half_yearly")
    cap = one(lake.market_caps("RIO.L", "2023-01-31"))
    assert (cap["market_cap"], cap["currency"], cap["reason"]) == (pytest.approx(81e9), "GBP", None)
    assert one(lake.ttm("RIO.L", "2023-03-01"))["reason"] is None


def test_20_a_trailing_year_is_a_year_and_the_difference_of_two_halves(lake: Lake, tmp_path: Path) -> None:
    """55.6 - 29.8 + 26.7 = 52.5 bn until the report on 2023, which says 54.0 bn."""
    _rio(lake, tmp_path)
    expected = {"2023-03-01": 55.6e9, "2023-08-31": 52.5e9, "2024-02-15": 52.5e9, "2024-03-01": 54.0e9}
    for day, revenue in expected.items():
        year = one(lake.ttm("RIO.L", day))
        assert year["revenue"] == pytest.approx(revenue), (day, year["reason"])
