"""Test which sector a symbol has on a day, and how that is known."""

from __future__ import annotations

from factorlab_lake.lake import Lake

_OF_DAY = """
SELECT sector, sector_basis FROM sectors
WHERE symbol = 'MOVED' AND valid_from <= $day::DATE AND valid_to > $day::DATE
"""


def _profile(lake: Lake, day: str, sector: str) -> None:
    row = {"symbol": ["MOVED"], "company_name": ["A"], "sector": [sector]}
    lake.load("company_profiles", row | {"fetched_at": [f"{day}T12:00:00Z"]})


def test_the_first_sector_holds_backwards_and_says_so(lake: Lake) -> None:
    """A company of 2019's profile was in Technology then; before that day its sector is backfilled."""
    _profile(lake, "2019-05-01", "Technology")
    _profile(lake, "2021-06-01", "Energy")
    expected = {
        "2001-01-01": ("Technology", "backfilled"),
        "2019-04-30": ("Technology", "backfilled"),
        "2019-05-01": ("Technology", "profile"),
        "2021-05-31": ("Technology", "profile"),
        "2021-06-01": ("Energy", "profile"),
        "2050-01-01": ("Energy", "profile"),
    }
    assert {day: lake.sql(_OF_DAY, day=day).row(0) for day in expected} == expected


def test_the_sector_is_not_that_of_another_company(lake: Lake) -> None:
    """The symbol was another company's until 2018: the sector of the profile of 2019 holds from then."""
    history = {"valid_from": ["2001-01-01", "2018-03-01"], "valid_to": ["2016-01-01", None]}
    companies = {"symbol": ["MOVED"] * 2, "company_id": ["1", "2"], "kind": [None, "reuse"]}
    lake.load("symbol_history", companies | history)
    _profile(lake, "2019-05-01", "Technology")
    assert lake.sql(_OF_DAY, day="2010-01-01").is_empty()
    assert lake.sql(_OF_DAY, day="2018-03-01").row(0) == ("Technology", "backfilled")
    assert lake.sql(_OF_DAY, day="2019-05-01").row(0) == ("Technology", "profile")


def test_a_symbol_without_a_profile_has_no_sector(lake: Lake) -> None:
    """A lake with bars alone shows no sector."""
    row = {"symbol": ["MOVED"], "date": ["2020-01-02"], "close_price": [1.0]}
    lake.load("price_data", row | {"split_basis_date": ["2020-01-02"]})
    assert lake.sql("FROM sectors").is_empty()
