"""Splits: price and shares are brought to one basis, whichever side was re-based and whenever."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from factorlab_lake.lake import Lake
from tests.unit.query.lake_builder import LakeBuilder, one

CASES = LakeBuilder()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("splits"))


# --- splits -----------------------------------------------------------------------------------------------

SPLITS = [("FOUR", 4, 1), ("HALF", 3, 2), ("TENTH", 1, 10)]
EX_DATE = "2021-02-16"
BEFORE, ON = "2021-02-12", "2021-02-16"  # the last trading day on the old basis, the first on the new one

for _name, _new, _old in SPLITS:
    _ratio = _new / _old
    # A company of 1200 old shares worth 6 each, on either side of the split, told in four ways.
    for _way in ("RAW", "ADJUSTED"):
        for _shares in ("THEN", "NOW"):
            _symbol = f"{_name}_{_way}_{_shares}"
            CASES.split(_symbol, EX_DATE, _new, _old)
            if _way == "RAW":
                CASES.traded(_symbol, {BEFORE: 6.0, ON: 6 / _ratio})
            else:
                CASES.closes(_symbol, {BEFORE: 6 / _ratio, ON: 6 / _ratio})
            if _shares == "THEN":  # as counted when filed, before the split
                CASES.count(_symbol, "cover_page", "2020-12-31", 1200, filed="2021-01-30")
            else:  # re-based by the vendor, served after the split
                CASES.shares(_symbol, "2020-12-31", 1200 * _ratio)


@pytest.mark.first_cases(3)
@pytest.mark.parametrize("shares", ["THEN", "NOW"])
@pytest.mark.parametrize("way", ["RAW", "ADJUSTED"])
@pytest.mark.parametrize(("name", "new", "old"), SPLITS)
def test_price_and_shares_are_brought_to_one_split_basis(
    made: Lake, name: str, new: int, old: int, way: str, shares: str
) -> None:
    """Four for one, three for two and one for ten: whichever side is re-based, the value is the same."""
    ratio = new / old
    rows = made.market_caps(f"{name}_{way}_{shares}", [BEFORE, ON])
    assert rows["market_cap"].to_list() == pytest.approx([7200, 7200], rel=1e-12)
    price_on_new = [way == "ADJUSTED", True]
    expected = [ratio ** (new_price - (shares == "NOW")) for new_price in price_on_new]
    assert rows["split_factor"].to_list() == pytest.approx(expected, rel=1e-12)


def test_a_price_of_the_ex_date_is_on_the_new_basis(made: Lake) -> None:
    """A split applies to everything counted from its ex-date on, and to nothing of the day before."""
    rows = made.market_caps("FOUR_RAW_THEN", ["2021-02-15", EX_DATE])
    assert rows.select("price_date", "split_factor").rows() == [
        (date(2021, 2, 12), 1),
        (date(2021, 2, 16), 4),
    ]


for _symbol, _filed in (("FILED_BEFORE", "2021-02-15"), ("FILED_ON", "2021-02-16")):
    CASES.split(_symbol, EX_DATE, 4, 1)
    CASES.traded(_symbol, {"2021-02-17": 2.0})
    CASES.count(_symbol, "cover_page", "2021-01-15", 1000, filed=_filed)


def test_a_count_filed_on_the_ex_date_is_on_the_new_basis(made: Lake) -> None:
    """A count of the day before is multiplied, one of the ex-date is not."""
    rows = made.market_caps(["FILED_BEFORE", "FILED_ON"], "2021-02-17")
    assert rows["split_factor"].to_list() == [4, 1]


CASES.split("TWICE", "2021-01-05", 2, 1)
CASES.split("TWICE", "2021-02-16", 3, 2)
CASES.traded("TWICE", {"2021-01-04": 12.0, "2021-01-05": 6.0, "2021-02-16": 4.0})
CASES.count("TWICE", "cover_page", "2020-12-31", 1000, filed="2021-01-04")


def test_the_factors_of_several_splits_multiply(made: Lake) -> None:
    """Two for one and then three for two make three for one."""
    rows = made.market_caps("TWICE", ["2021-01-04", "2021-01-05", "2021-02-16"])
    assert rows["split_factor"].to_list() == [1, 2, 3]
    assert rows["market_cap"].to_list() == [12_000, 12_000, 12_000]


CASES.split("OTHERS", "2021-02-16", 4, 1)
CASES.traded("UNSPLIT", {"2021-02-12": 2.0, "2021-02-16": 2.0})
CASES.count("UNSPLIT", "cover_page", "2020-12-31", 1000, filed="2021-01-30")


def test_a_split_concerns_its_own_symbol_only(made: Lake) -> None:
    """What another symbol does changes nothing."""
    assert made.market_caps(["OTHERS", "UNSPLIT"], [BEFORE, ON])["split_factor"].to_list() == [
        None,
        None,
        1,
        1,
    ]


def _weekdays(start: date) -> list[date]:
    days = pl.date_range(start, date(2019, 12, 31), "1d", eager=True)
    return days.filter(days.dt.weekday() <= 5).to_list()


@pytest.mark.parametrize(
    ("other", "start"),
    [
        ("lake_2019", date(2013, 1, 1)),  # seven for one in 2014 is loaded, four for one not needed
        (
            "lake_both",
            date(2014, 6, 9),
        ),  # nothing is loaded: four for one shows in the bars, seven for one not
    ],
)
def test_caches_from_before_and_after_a_split_agree(
    request: pytest.FixtureRequest, lake_2021: Lake, other: str, start: date
) -> None:
    """The older cache, and both together with the split inferred, give what the newer one gives."""
    left, others = (
        lake.market_caps("AAPL", _weekdays(start))["market_cap"]
        for lake in (lake_2021, request.getfixturevalue(other))
    )
    assert left.null_count() == 0
    assert others.to_list() == pytest.approx(left.to_list(), rel=1e-9)


# --- the close --------------------------------------------------------------------------------------------

for _symbol in ("WHOLE", "PART", "RAW_PART"):
    CASES.shares(_symbol, "2020-12-31", 1_000_000)
    CASES.split(_symbol, "2021-02-16", 28, 1)
CASES.closes("WHOLE", {"2021-02-12": 17.8786})
CASES.closes("PART", {"2021-02-12": 17.8787})
CASES.traded("RAW_PART", {"2021-02-12": 10.00004})


@pytest.mark.parametrize(
    ("symbol", "close"),
    [
        ("WHOLE", 500.60 / 28),  # 17.878571…, which four decimals turn into 17.8786
        ("PART", 17.8787),  # 500.6036 as traded: no whole cent is near enough
        ("RAW_PART", 10.00004),  # never re-based, so never rounded
    ],
)
def test_the_rounding_of_a_rebased_close_is_undone(made: Lake, symbol: str, close: float) -> None:
    """Where a whole-cent price explains a re-based close it is used; any other close stays as it is."""
    row = one(made, "market_caps", symbol, "2021-02-12")
    assert row["close_price"] == pytest.approx(close, rel=1e-15, abs=0)
    assert row["market_cap"] == pytest.approx(
        close * row["shares_outstanding"] * row["split_factor"], rel=1e-12
    )


# Bars of other days and bases, far apart: their closes cannot be held against each other for a split's step.
for _ex_date, _new, _old in (("2020-07-12", 1, 8), ("2020-12-26", 2, 1), ("2021-01-11", 3, 2)):
    CASES.split("APART", _ex_date, _new, _old)
CASES.row(
    "price_data", symbol="APART", date=date(2020, 2, 3), close_price=217.07, split_basis_date=date(2022, 8, 9)
)
CASES.traded("APART", {"2020-08-10": 644.895})


def test_a_bar_keeps_the_basis_it_was_given_where_no_step_shows_it_wrong(made: Lake) -> None:
    """The older bar says that it counts all three splits; a later one on another basis says nothing of it."""
    rows = made.prices("APART").to_dicts()
    assert [row["split_basis_date"] for row in rows] == [date(2022, 8, 9), date(2020, 8, 10)]
