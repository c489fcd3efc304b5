"""Test vintages of factors: figures are as known at each date, as filed first, or as of today."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from tests.support import LATER
from tests.unit.query.lake_builder import YEAR_2020, LakeBuilder, filing, quarters
from tests.unit.query.sample_company import sample_company

CASES = LakeBuilder()
VINTAGES = ("known", "first", "latest")
FIRST_KNOWN, BEFORE, ON = "2021-01-30", "2021-02-14", "2021-02-15"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("vintages"))


def by_vintage(made: Lake, question: str, symbol: str, days: list[str], column: str) -> dict[str, list[Any]]:
    """Return a column of the answers about some days, under each vintage."""
    return {
        vintage: getattr(made, question)(symbol, days, vintage=vintage)[column].to_list()
        for vintage in VINTAGES
    }


# --- a quarter restated -----------------------------------------------------------------------------------

CASES.statements("RESTATED", "income", quarters(revenue=[1, 2, 3, 4]))
CASES.statements("RESTATED", "income", [filing("2020-06-30", "Q2", filed=ON, revenue=2.5)])


def test_a_restated_quarter_counts_as_each_vintage_says(made: Lake) -> None:
    """Known: the new figure from its day on. First: never. Latest: before it was there to be known."""
    days = [FIRST_KNOWN, BEFORE, ON]
    assert by_vintage(made, "ttm", "RESTATED", days, "revenue") == {
        "known": [10, 10, 10.5],
        "first": [10, 10, 10],
        "latest": [10.5, 10.5, 10.5],
    }


def test_hindsight_shows_in_the_date_of_the_inputs(made: Lake) -> None:
    """The latest figures say when they became known, also where that is after the date they are used for."""
    days = [BEFORE, ON]
    known, restated = date(2021, 1, 30), date(2021, 2, 15)
    assert by_vintage(made, "ttm", "RESTATED", days, "inputs_available_date") == {
        "known": [known, restated],
        "first": [known, known],
        "latest": [restated, restated],
    }


CASES.statements("TWICE", "income", quarters(revenue=[1, 2, 3, 4]))
for _filed, _revenue in ((ON, 2.5), ("2021-02-20", 7)):
    CASES.statements("TWICE", "income", [filing("2020-06-30", "Q2", filed=_filed, revenue=_revenue)])


def test_of_several_restatements_the_newest_known_or_the_last_counts(made: Lake) -> None:
    """Each stands until the next; the first filing and the last word stand throughout."""
    days = [BEFORE, ON, "2021-02-19", "2021-02-20"]
    assert by_vintage(made, "ttm", "TWICE", days, "revenue") == {
        "known": [10, 10.5, 10.5, 15],
        "first": [10, 10, 10, 10],
        "latest": [15, 15, 15, 15],
    }


CASES.statements("OVERWRITTEN", "income", quarters(revenue=[1, 2, 3, 4]))
CASES.statements("OVERWRITTEN", "income", quarters(revenue=[1, 2, 3, 6]), fetched=LATER)


def test_what_the_vendor_changed_without_a_filing_is_known_from_the_day_it_was_first_seen(made: Lake) -> None:
    """An earlier fetch of the same filing shows that the other figures were not served before."""
    assert by_vintage(made, "ttm", "OVERWRITTEN", [FIRST_KNOWN, "2021-06-29", "2021-06-30"], "revenue") == {
        "known": [10, 10, 12],
        "first": [10, 10, 10],
        "latest": [12, 12, 12],
    }


CASES.statements("RELABELLED", "income", quarters(revenue=[1, 2, 3, 4]))
CASES.statements("RELABELLED", "income", [filing("2020-12-31", "Q3", filed="2021-02-20", revenue=7)])


def test_a_period_filed_again_under_another_label_is_restated(made: Lake) -> None:
    """The quarter to December, first filed as Q4 and later as Q3, is one quarter with two versions."""
    assert by_vintage(made, "ttm", "RELABELLED", ["2021-02-19", "2021-02-20"], "revenue") == {
        "known": [10, 13],
        "first": [10, 10],
        "latest": [13, 13],
    }


# --- a quarter that is derived ----------------------------------------------------------------------------

_YEAR = [filing(end, f"Q{number + 1}", revenue=10 * (number + 1)) for number, end in enumerate(YEAR_2020[:3])]
AFTER = datetime(2021, 8, 31, 22, tzinfo=UTC)
_LATER = [filing("2021-03-31", "Q1", revenue=15), filing("2021-06-30", "Q2", revenue=25)]
CASES.statements(
    "DERIVED", "income", [*_YEAR, filing("2020-12-31", "FY", revenue=100), *_LATER], fetched=AFTER
)
CASES.statements(
    "DERIVED", "income", [filing("2020-03-31", "Q1", filed="2021-08-10", revenue=16)], fetched=AFTER
)


def test_a_derived_quarter_is_made_of_parts_of_one_vintage(made: Lake) -> None:
    """The first quarter alone is restated, from 10 to 16: a difference stays on the year's basis."""
    days = ["2021-07-30", "2021-08-09", "2021-08-10"]
    on_one_basis = 100 - 10 - 20 + 15 + 25
    assert by_vintage(made, "ttm", "DERIVED", days, "revenue") == dict.fromkeys(VINTAGES, [on_one_basis] * 3)


# --- factors ----------------------------------------------------------------------------------------------

sample_company(CASES, "SHEET")
CASES.statements(
    "SHEET",
    "balance_sheet",
    [filing("2020-12-31", filed="2021-02-05", totalStockholdersEquity=800, totalAssets=1600)],
)
sample_company(CASES, "BEFORE")
CASES.statements("BEFORE", "balance_sheet", [filing("2019-12-31", filed="2021-02-05", totalAssets=500)])


@pytest.mark.first_cases(2)
@pytest.mark.parametrize(
    ("symbol", "factor", "old", "new"),
    [
        ("SHEET", "roe", 20 / 400, 20 / 800),
        ("SHEET", "pb_ratio", 800 / 400, 800 / 800),
        ("SHEET", "asset_growth", 1000 / 800 - 1, 1600 / 800 - 1),
        ("BEFORE", "asset_growth", 1000 / 800 - 1, 1000 / 500 - 1),  # the year before is of the vintage too
        ("BEFORE", "roe", 20 / 400, 20 / 400),
    ],
)
def test_factors_are_of_the_vintage(made: Lake, symbol: str, factor: str, old: float, new: float) -> None:
    """Balances of now and of a year before are taken as known, as first filed, or as they stand today."""
    assert by_vintage(made, "factors", symbol, ["2021-02-04", "2021-02-05"], factor) == {
        "known": pytest.approx([old, new], rel=1e-12),
        "first": pytest.approx([old, old], rel=1e-12),
        "latest": pytest.approx([new, new], rel=1e-12),
    }


# --- the argument -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", ["market_caps", "ttm", "factors"])
def test_an_unknown_vintage_is_an_error_that_names_those_there_are(made: Lake, question: str) -> None:
    """The method and SQL agree."""
    with pytest.raises(InvalidInput, match=r"newest.*known, first"):
        getattr(made, question)("RESTATED", ON, vintage="newest")
    with pytest.raises(InvalidInput, match="'newest'; expected known, first or latest"):
        made.sql(f"FROM {question}(['RESTATED'], ['2021-02-15'::DATE], vintage := 'newest')")


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("question", ["market_caps", "ttm", "factors"])
def test_the_vintage_in_sql_is_that_of_the_method(made: Lake, question: str) -> None:
    """Known is what is taken when nothing is said."""
    symbols, days = ["BEFORE", "RESTATED", "SHEET"], [BEFORE, ON]
    for vintage in ("", *VINTAGES):
        argument = f", vintage := '{vintage}'" if vintage else ""
        call = f"FROM {question}($symbols, $days::DATE[]{argument}) ORDER BY symbol, date"
        rows = made.sql(call, symbols=symbols, days=days)
        assert_frame_equal(rows, getattr(made, question)(symbols, days, vintage=vintage or "known"))


# --- what was never restated ------------------------------------------------------------------------------


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("question", ["ttm", "factors"])
@pytest.mark.parametrize("vintage", ["first", "latest"])
def test_without_restatements_all_vintages_agree(lake_2021: Lake, question: str, vintage: str) -> None:
    """Of the sample that was taken once there is one version of everything, on any day."""
    days = {"start": "2010-01-31", "end": "2021-12-31", "freq": "QE"}
    symbols = ["AAPL", "GOOG", "GOOGL"]
    known = getattr(lake_2021, question)(symbols, **days)
    assert known["inputs_available_date"].null_count() < len(known) / 2
    assert_frame_equal(
        getattr(lake_2021, question)(symbols, **days, vintage=vintage), known, check_exact=True
    )
