"""Test which version of a restated statement or share count each vintage uses on a day."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from tests.support import LATER, Entry, migrate
from tests.unit.query.lake_builder import YEAR_2020, LakeBuilder, filing, quarters

CASES = LakeBuilder()
VINTAGES = ("known", "first", "latest")
AFTER_ALL = "2021-04-30"  # every filing of this file is public by then


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("vintages"))


def _amended(symbol: str, *shares: tuple[str, float]) -> None:
    """Add a quarter whose share count was filed again and again, each with the day of its filing."""
    for filed, count in shares:
        record = filing("2020-12-31", filed=filed, weightedAverageShsOut=count, revenue=count)
        CASES.statements(symbol, "income", [record])


_amended("TWICE", ("2021-01-30", 1000), ("2021-02-15", 1100), ("2021-03-01", 1200))
CASES.closes("TWICE", dict.fromkeys(["2021-01-29", "2021-01-30", "2021-02-15", "2021-03-01"], 2.0))


@pytest.mark.parametrize(
    ("vintage", "caps", "available"),
    [
        ("known", [None, 2000, 2200, 2400], ["2021-01-30", "2021-02-15", "2021-03-01"]),
        ("first", [None, 2000, 2000, 2000], ["2021-01-30"] * 3),
        ("latest", [None, 2400, 2400, 2400], ["2021-03-01"] * 3),
    ],
)
def test_a_restated_share_count_by_vintage(
    made: Lake, vintage: str, caps: list[float | None], available: list[str]
) -> None:
    """Each known version is used from its day; the first is always used; the newest from the first's day."""
    days = ["2021-01-29", "2021-01-30", "2021-02-15", "2021-03-01"]
    rows = made.market_caps("TWICE", days, vintage=vintage)
    assert rows["market_cap"].to_list() == caps
    assert rows["reason"].to_list() == ["no_share_count_known", None, None, None]
    assert rows["shares_available_date"].to_list() == [None, *map(date.fromisoformat, available)]


def test_shares_as_of_takes_a_vintage_too(made: Lake) -> None:
    """The SQL function of the share counts gives those that the market caps use."""
    for vintage, count in (("known", 1100), ("first", 1000), ("latest", 1200)):
        query = "FROM shares_as_of(['TWICE'], ['2021-02-20'::DATE], vintage := $v)"
        assert made.sql(query, v=vintage)["shares_outstanding"].to_list() == [count]


@pytest.mark.parametrize(
    ("vintage", "revenues", "available"),
    [("known", [1100], "2021-02-15"), ("first", [1000], "2021-01-30"), ("latest", [1200], "2021-03-01")],
)
def test_a_restated_statement_by_vintage(
    made: Lake, vintage: str, revenues: list[float], available: str
) -> None:
    """One row of the period, in the version of that vintage, with the day this version was available."""
    rows = made.statements("TWICE", as_of="2021-02-20", vintage=vintage)
    assert [json.loads(m)["revenue"] for m in rows["metrics"]] == revenues
    assert rows["available_date"].to_list() == [date.fromisoformat(available)]
    assert made.statements("TWICE", as_of="2021-01-29", vintage=vintage).is_empty()


def _loaded(symbol: str, filed: str, **counts: float) -> pl.DataFrame:
    """Return counts of one day by source, as they were filed on another."""
    at = date.fromisoformat(filed)
    return pl.DataFrame(
        [
            {"symbol": symbol, "source": source, "as_of_date": date(2021, 1, 15), "shares": count}
            | {"filing_date": at, "split_basis_date": at}
            for source, count in counts.items()
        ]
    )


def test_loaded_counts_have_vintages_source_by_source(lake: Lake) -> None:
    """A version of a cover page replaces its earlier version, but none of the balance sheet."""
    lake.load("shares_outstanding", _loaded("LOADED", "2021-02-01", balance_sheet=3000.0))
    lake.load("shares_outstanding", _loaded("LOADED", "2021-02-10", cover_page=2000.0))
    lake.load("shares_outstanding", _loaded("LOADED", "2021-04-01", balance_sheet=3100.0, cover_page=2100.0))
    query = "FROM shares_as_of(['LOADED'], $days::DATE[], vintage := $v) ORDER BY date"
    days = ["2021-02-05", "2021-03-01", "2021-04-30"]
    used = {v: lake.sql(query, days=days, v=v)["shares_outstanding"].to_list() for v in VINTAGES}
    assert used == {
        "known": [3000, 2000, 2100],
        "first": [3000, 2000, 2000],
        "latest": [2100, 2100, 2100],  # with hindsight, the cover page counts from its day
    }


CASES.shares("EMPTIED", "2020-09-30", 900, "Q3")
_amended("EMPTIED", ("2021-01-30", 1000), ("2021-02-15", 0))
CASES.closes("EMPTIED", {"2021-02-01": 2.0, "2021-03-01": 2.0})


def test_a_count_replaced_by_a_missing_one_stays_in_every_vintage(made: Lake) -> None:
    """Zero means missing and gives way to the real count of the period, by hindsight too."""
    for vintage in VINTAGES:
        rows = made.market_caps("EMPTIED", ["2021-02-01", "2021-03-01"], vintage=vintage)
        assert rows["market_cap"].to_list() == [2000, 2000]


CASES.statements("STEADY", "income", quarters(revenue=[1, 2, 3, 4], weightedAverageShsOut=[10, 20, 30, 40]))
CASES.closes("STEADY", {f"2020-{month:02}-28": 2.0 for month in range(4, 13)})


def test_vintages_agree_where_nothing_was_restated(made: Lake) -> None:
    """Without a second version all three vintages are equal on every day."""
    days = [f"2020-{month:02}-28" for month in range(4, 13)]
    known = made.market_caps("STEADY", days)
    assert known["market_cap"].drop_nulls().unique().sort().to_list() == [20, 40, 60]
    for vintage in ("first", "latest"):
        assert_frame_equal(made.market_caps("STEADY", days, vintage=vintage), known)
        for day in ("2020-06-30", AFTER_ALL):
            assert_frame_equal(
                made.statements("STEADY", as_of=day, vintage=vintage), made.statements("STEADY", as_of=day)
            )


ALL = ("EMPTIED", "STEADY", "TWICE")
for _symbol in ALL:
    CASES.traded(_symbol, {AFTER_ALL: 1.0})


def test_at_the_end_of_time_the_latest_are_the_known(made: Lake) -> None:
    """When everything is public, hindsight knows no more than anybody."""
    caps = made.market_caps(ALL, AFTER_ALL, vintage="latest")
    assert caps["market_cap"].to_list() == [1000, 40, 1200]
    assert_frame_equal(caps, made.market_caps(ALL, AFTER_ALL))
    statements = made.statements(ALL, as_of=AFTER_ALL, vintage="latest")
    assert statements["symbol"].to_list() == ["EMPTIED"] * 2 + ["STEADY"] * 4 + ["TWICE"]
    assert_frame_equal(statements, made.statements(ALL, as_of=AFTER_ALL))


def _answers(lake: Lake, days: Iterable[str]) -> list[pl.DataFrame]:
    caps = lake.market_caps("LATE", list(days), vintage="first")
    content = ["fiscal_date", "version", "available_date", "metrics"]
    return [caps, *(lake.statements("LATE", as_of=d, vintage="first").select(content) for d in days)]


def test_later_filings_never_change_the_first_vintage(lake: Lake, tmp_path: Path) -> None:
    """The first versions stay in use after amendments of every quarter, also for later days."""
    first = [
        row | {"symbol": "LATE"}
        for row in quarters(weightedAverageShsOut=[10, 20, 30, 40], revenue=[1, 2, 3, 4])
    ]
    again = [
        filing(end, f"Q{n + 1}", filed="2021-02-15", symbol="LATE", weightedAverageShsOut=77, revenue=9)
        for n, end in enumerate(YEAR_2020)
    ]
    bars = pl.DataFrame(
        [
            {"symbol": "LATE", "date": date(2021, month, 26), "close_price": 2.0}
            | {"split_basis_date": date(2021, month, 26)}
            for month in range(1, 5)
        ]
    )
    lake.load("price_data", bars)
    at = datetime(2021, 2, 14, 22, tzinfo=UTC)
    migrate(lake, tmp_path, Entry("LATE", "income", first, cached_at=at))
    days = ["2020-11-30", "2021-01-26", "2021-02-26", "2021-04-26"]
    before = _answers(lake, days)
    migrate(lake, tmp_path, Entry("LATE", "income", again, cached_at=LATER))
    assert lake.market_caps("LATE", "2021-04-26")["shares_outstanding"].to_list() == [77]
    for now, then in zip(_answers(lake, days), before, strict=True):
        assert_frame_equal(now, then)


def test_an_unknown_vintage_names_the_known_ones(made: Lake) -> None:
    """In Python with the nearest, in SQL with the three there are; never a silent default."""
    with pytest.raises(InvalidInput, match=r"'frist'.*known, first, latest.*Did you mean 'first'"):
        made.market_caps("TWICE", "2021-03-01", vintage="frist")
    with pytest.raises(InvalidInput, match=r"'frist'.*Did you mean 'first'"):
        made.statements("TWICE", as_of="2021-03-01", vintage="frist")
    for call in (
        "market_caps(['TWICE'], ['2021-03-01'::DATE], vintage := 'frist')",
        "shares_as_of(['TWICE'], ['2021-03-01'::DATE], vintage := 'frist')",
        "statements_as_of('2021-03-01', vintage := 'frist')",
    ):
        with pytest.raises(InvalidInput, match="vintage is 'frist'; expected known, first or latest"):
            made.sql(f"FROM {call}")


def test_a_vintage_of_statements_needs_a_day(made: Lake) -> None:
    """Without as_of every version comes, so that a vintage would choose nothing."""
    with pytest.raises(InvalidInput, match="'first' but as_of is missing"):
        made.statements("TWICE", vintage="first")
