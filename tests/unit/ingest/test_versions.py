"""Test the versions of a statement: their order and their kinds of change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from factorlab_lake.providers import records
from tests.support import (
    CACHE_2019,
    CACHE_2021,
    EARLIER,
    FETCHED,
    LATER,
    Entry,
    answer,
    arrive,
    assert_keys_unique,
    assert_same_content,
    content,
    income,
    landed,
)

_KIND = "SELECT version, change_kind FROM income_statements ORDER BY version"
_REVENUE = "SELECT version, revenue FROM income_statements ORDER BY version"
_DAY = timedelta(days=1)


def _statement(at: Any, limit: int = 20, **fields: Any) -> Entry:
    return Entry("AAPL", "income", [income("2019-09-28", **fields)], cached_at=at, limit=limit)


def _arrive_daily(lake: Lake, folder: Path, *generations: dict[str, Any]) -> None:
    """Merge one statement as served on successive days, each as its own cache."""
    for i, fields in enumerate(generations):
        arrive(lake, folder, _statement(EARLIER + i * _DAY, **fields))


def test_equal_records_in_several_files_are_one_row(lake: Lake, tmp_path: Path) -> None:
    """The same quarter in files of different limits, and fetched again later, is one version."""
    arrive(lake, tmp_path, _statement(EARLIER, 8), _statement(EARLIER, 20), _statement(FETCHED, 60))
    arrive(lake, tmp_path, _statement(LATER, 20))
    assert lake.sql(_KIND).rows() == [(1, "original")]
    assert lake.sql("SELECT fetched_at FROM income_statements").item() == EARLIER


def test_a_later_acceptance_with_other_values_is_a_restatement(lake: Lake, tmp_path: Path) -> None:
    """An amended filing adds a second version and leaves the first unchanged."""
    _arrive_daily(lake, tmp_path, {}, {"revenue": 65000000000, "acceptedDate": "2019-12-01 17:00:00"})
    assert lake.sql(_KIND).rows() == [(1, "original"), (2, "restatement")]
    assert lake.sql(_REVENUE).rows() == [(1, 64698000000.0), (2, 65000000000.0)]


def test_versions_are_in_order_of_acceptance_not_of_fetch(lake: Lake, tmp_path: Path) -> None:
    """If the amended filing is served first and the original later, the amended one is still the newest."""
    _arrive_daily(lake, tmp_path, {"revenue": 2, "acceptedDate": "2019-12-01 17:00:00"}, {"revenue": 1})
    assert lake.sql(_REVENUE).rows() == [(1, 1.0), (2, 2.0)]
    assert lake.sql(_KIND).rows() == [(1, "original"), (2, "restatement")]


def test_other_values_under_the_same_acceptance_are_a_vendor_revision(lake: Lake, tmp_path: Path) -> None:
    """Without a new filing, the vendor has changed the values."""
    _arrive_daily(lake, tmp_path, {}, {"revenue": 64698000001})
    assert lake.sql(_KIND).rows() == [(1, "original"), (2, "vendor_revision")]


@pytest.mark.first_cases(2)
@pytest.mark.parametrize(("new", "old"), [(4, 1), (3, 2), (1, 10), (7, 1), (20, 1)], ids=str)
def test_share_items_moved_by_a_split_are_a_split_rebase(
    lake: Lake, tmp_path: Path, new: int, old: int
) -> None:
    """Share counts times a ratio and per-share items divided by it are a split: forward, odd or reverse."""
    before = {
        "weightedAverageShsOut": 1_000_000,
        "weightedAverageShsOutDil": 1_050_000,
        "eps": 2.1,
        "epsdiluted": 2.0,
    }
    after = {
        "weightedAverageShsOut": 1_000_000 * new // old,
        "weightedAverageShsOutDil": 1_050_000 * new // old,
        "eps": round(2.1 * old / new, 4),
        "epsdiluted": round(2.0 * old / new, 4),
    }
    _arrive_daily(lake, tmp_path, before, after)
    assert lake.sql(_KIND).rows() == [(1, "original"), (2, "split_rebase")]


@pytest.mark.first_cases(2)
@pytest.mark.parametrize(
    "after",
    [
        {"weightedAverageShsOut": 4_000_000, "eps": 0.5, "revenue": 1},
        {"weightedAverageShsOut": 4_000_000, "eps": 2.0},
        {"weightedAverageShsOut": 1_000_000, "eps": 0.5},
        {"weightedAverageShsOut": 1_013_700, "eps": 1.973},
        {"weightedAverageShsOut": None, "eps": 0.5},
    ],
    ids=["revenue changed too", "eps unchanged", "shares unchanged", "not a split ratio", "count missing"],
)
def test_what_only_resembles_a_split_is_a_vendor_revision(
    lake: Lake, tmp_path: Path, after: dict[str, Any]
) -> None:
    """A change is a split's only if all share items changed by one ratio and nothing else changed."""
    only: dict[str, Any] = {"weightedAverageShsOutDil": ..., "epsdiluted": ...}
    _arrive_daily(lake, tmp_path, {"weightedAverageShsOut": 1_000_000, "eps": 2.0} | only, after | only)
    assert lake.sql(_KIND).rows() == [(1, "original"), (2, "vendor_revision")]


def test_a_count_reported_as_zero_does_not_hide_a_split(lake: Lake, tmp_path: Path) -> None:
    """Zero means missing: the other share count shows the split."""
    _arrive_daily(
        lake,
        tmp_path,
        {"weightedAverageShsOut": 0, "weightedAverageShsOutDil": 1_000_000, "eps": 2.0, "epsdiluted": 2.0},
        {"weightedAverageShsOut": 0, "weightedAverageShsOutDil": 4_000_000, "eps": 0.5, "epsdiluted": 0.5},
    )
    assert lake.sql(_KIND).rows() == [(1, "original"), (2, "split_rebase")]


def test_a_copy_that_lost_values_makes_no_version(lake: Lake, tmp_path: Path) -> None:
    """A copy without links, an item or the acceptance is the same statement, less complete."""
    _arrive_daily(
        lake,
        tmp_path,
        {"link": "https://example.org/a", "otherExpenses": 5},
        {"link": None, "otherExpenses": float("nan")},
        {"link": ..., "otherExpenses": ..., "acceptedDate": None},
    )
    assert lake.sql("SELECT version, link, other_expenses FROM income_statements").rows() == [
        (1, "https://example.org/a", 5.0)
    ]


def test_the_more_complete_record_of_one_fetch_is_stored(lake: Lake, tmp_path: Path) -> None:
    """The more complete of two files with one fetch time is stored."""
    arrive(
        lake,
        tmp_path,
        _statement(FETCHED, 8, eps=None, link=None),
        _statement(FETCHED, 20, link="https://x.org"),
    )
    assert lake.sql("SELECT version, eps, link FROM income_statements").rows() == [(1, 0.74, "https://x.org")]


def test_a_value_that_comes_back_is_a_version_of_its_own(lake: Lake, tmp_path: Path) -> None:
    """For contents X, Y, X within one cache there are three versions, and the newest has X."""
    arrive(
        lake,
        tmp_path,
        _statement(EARLIER, 8, revenue=1),
        _statement(FETCHED, 20, revenue=2),
        _statement(LATER, 60, revenue=1),
    )
    assert lake.sql(_REVENUE).rows() == [(1, 1.0), (2, 2.0), (3, 1.0)]


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("order", [(0, 2, 1), (2, 0, 1), (2, 1, 0)], ids=str)
def test_a_value_that_comes_back_is_a_version_in_any_order_of_arrival(
    lake: Lake, tmp_path: Path, order: tuple[int, ...]
) -> None:
    """X, Y, X in three migrations give the same three versions, also if Y arrives last."""
    generations = [
        _statement(EARLIER, revenue=1),
        _statement(FETCHED, revenue=2),
        _statement(LATER, revenue=1),
    ]
    for i in order:
        arrive(lake, tmp_path, generations[i])
    assert lake.sql(_REVENUE).rows() == [(1, 1.0), (2, 2.0), (3, 1.0)]
    result = lake.sql("SELECT fetched_at, split_basis_date FROM income_statements ORDER BY version").rows()
    assert result == [(at, at.date()) for at in (EARLIER, FETCHED, LATER)]


def test_a_fetch_with_an_unreadable_value_confirms_nothing(lake: Lake, tmp_path: Path) -> None:
    """After X and Y, a third fetch with an unreadable revenue does not make X the newest."""
    around = [income(day, "Q1", revenue=7) for day in ("2019-06-29", "2019-12-28")]
    first = Entry("AAPL", "income", [income("2019-09-28", revenue=1), *around], cached_at=EARLIER)
    second = _statement(FETCHED, revenue=2)
    third = Entry("AAPL", "income", [income("2019-09-28", revenue="n/a"), *around], cached_at=LATER)
    for entry in (first, third, second):
        arrive(lake, tmp_path, entry)
    result = lake.sql(
        "SELECT version, revenue FROM income_statements WHERE fiscal_date = '2019-09-28' ORDER BY 1"
    )
    assert result.rows() == [(1, 1.0), (2, 2.0)]


def test_a_fetch_that_lacked_the_record_confirms_nothing(lake: Lake, tmp_path: Path) -> None:
    """After X and Y, a third fetch without this quarter does not make X the newest."""
    around = [income(day, "Q1", revenue=7) for day in ("2019-06-29", "2019-12-28")]
    first = Entry("AAPL", "income", [income("2019-09-28", revenue=1), *around], cached_at=EARLIER)
    for entry in (first, Entry("AAPL", "income", around, cached_at=LATER), _statement(FETCHED, revenue=2)):
        arrive(lake, tmp_path, entry)
    result = lake.sql(
        "SELECT version, revenue FROM income_statements WHERE fiscal_date = '2019-09-28' ORDER BY 1"
    )
    assert result.rows() == [(1, 1.0), (2, 2.0)]


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("order", [(0, 2, 1), (2, 0, 1), (2, 1, 0)], ids=str)
def test_three_contents_get_the_same_versions_in_any_order_of_arrival(
    lake: Lake, tmp_path: Path, order: tuple[int, ...]
) -> None:
    """Original, split rebase and restatement get the same numbers and kinds in any order of arrival."""
    after_split: dict[str, Any] = {
        "weightedAverageShsOut": 68230496000,
        "weightedAverageShsOutDil": 69026080000,
        "eps": 0.185,
        "epsdiluted": 0.1825,
    }
    generations = [
        _statement(EARLIER),
        _statement(FETCHED, **after_split),
        _statement(LATER, **after_split, revenue=9, acceptedDate="2021-05-01 12:00:00"),
    ]
    for i in order:
        arrive(lake, tmp_path, generations[i])
    assert lake.sql(_KIND).rows() == [(1, "original"), (2, "split_rebase"), (3, "restatement")]
    assert lake.sql("SELECT fetched_at FROM income_statements ORDER BY version")["fetched_at"].to_list() == [
        EARLIER, FETCHED, LATER,
    ]  # fmt: skip


def test_equal_records_of_one_fetch_time_have_the_same_source_in_any_order(tmp_path: Path) -> None:
    """Of two files with one record and fetch time, the same file is the source in any order."""
    files, lakes = [_statement(FETCHED, 8), _statement(FETCHED, 60)], []
    for order in ((0, 1), (1, 0)):
        lakes.append(fl.open(tmp_path / f"lake{order}"))
        for i in order:
            arrive(lakes[-1], tmp_path, files[i])
    assert_same_content(content(lakes[0]), content(lakes[1]))


def test_a_corrected_fiscal_year_is_a_new_version(lake: Lake, tmp_path: Path) -> None:
    """The fiscal year is an attribute: versions continue over a change of it."""
    _arrive_daily(
        lake,
        tmp_path,
        {"calendarYear": "2019"},
        {"calendarYear": "2020"},
        {"calendarYear": "2020", "revenue": 3},
    )
    assert lake.sql("SELECT version, fiscal_year, revenue FROM income_statements ORDER BY 1").rows() == [
        (1, 2019, 64698000000.0), (2, 2020, 64698000000.0), (3, 2020, 3.0),
    ]  # fmt: skip


def test_a_period_start_that_is_added_makes_no_version() -> None:
    """A provider may map its period start; a later fetch that adds it to equal values changes nothing."""
    fields = {**records.fields("income"), "startDate": "period_start"}
    contents: list[dict[str, Any]] = [{"startDate": "2019-06-30"}, {"startDate": "2019-07-01"}, {}]
    answers = [
        replace(answer("income", [income("2019-09-28", **more)], at=EARLIER + i * _DAY), fields=fields)
        for i, more in enumerate([*contents, {"revenue": 3, "startDate": "2019-06-30"}])
    ]
    rows = landed(answers)["income_statements"].sort("version")
    assert rows["period_start"].to_list() == [date(2019, 6, 30)] * 2
    assert rows["change_kind"].to_list() == ["original", "vendor_revision"]


def test_a_period_start_is_null_where_the_provider_gives_none(lake: Lake, tmp_path: Path) -> None:
    """FMP sends no period start, so the column is NULL, also in financial_statements."""
    arrive(lake, tmp_path, _statement(FETCHED))
    assert lake.sql("SELECT period_start FROM income_statements").rows() == [(None,)]
    assert lake.sql("SELECT period_start FROM financial_statements").rows() == [(None,)]


def test_quarter_and_year_of_the_same_day_are_versions_of_their_own(lake: Lake, tmp_path: Path) -> None:
    """Q4 and FY end on one day and have separate versions."""
    arrive(
        lake,
        tmp_path,
        Entry("AAPL", "income", [income("2019-09-28", "Q4"), income("2019-09-28", "FY", revenue=5)]),
    )
    assert lake.sql("SELECT fiscal_period, version FROM income_statements ORDER BY 1").rows() == [
        ("FY", 1),
        ("Q4", 1),
    ]


def test_a_late_filing_of_an_old_quarter_is_no_version_of_a_newer_one(lake: Lake, tmp_path: Path) -> None:
    """Acceptance orders the versions of one period only."""
    arrive(
        lake,
        tmp_path,
        Entry(
            "GOOGL",
            "income",
            [
                income("2015-06-30", "Q2", symbol="GOOGL", acceptedDate="2016-08-04 16:30:00", revenue=1),
                income("2015-09-30", "Q3", symbol="GOOGL", acceptedDate="2015-10-29 16:30:00", revenue=2),
            ],
        ),
    )
    result = lake.sql(
        "SELECT fiscal_date::VARCHAR, version, change_kind FROM income_statements ORDER BY 1"
    ).rows()
    assert result == [("2015-06-30", 1, "original"), ("2015-09-30", 1, "original")]


def test_vendor_ratios_have_versions_like_statements(lake: Lake, tmp_path: Path) -> None:
    """A changed ratio is a new version, an equal one is not."""
    ratios = {
        "symbol": "AAPL",
        "date": "2020-09-26",
        "period": "FY",
        "calendarYear": "2020",
        "currentRatio": 1.36,
    }
    for at, value in ((EARLIER + 400 * _DAY, 1.36), (FETCHED, 1.36), (LATER, 1.4)):
        arrive(lake, tmp_path, Entry("AAPL", "ratios", [ratios | {"currentRatio": value}], cached_at=at))
    result = lake.sql("SELECT version, change_kind, metrics->>'currentRatio' FROM vendor_ratios ORDER BY 1")
    assert result.rows() == [
        (1, "original", "1.36"), (2, "vendor_revision", "1.4"),
    ]  # fmt: skip


def test_the_split_of_2020_rebased_every_statement_of_the_sample_that_counts_shares(lake_both: Lake) -> None:
    """The income statements of both samples have a split rebase; no other statement changed."""
    kinds = lake_both.sql(
        "SELECT statement_type, change_kind, count(*) AS n FROM financial_statements WHERE version > 1 "
        "GROUP BY ALL"
    )
    assert kinds.rows() == [("income", "split_rebase", 42)]
    assert_keys_unique(lake_both)


def test_the_two_samples_give_the_same_lake_in_either_order(lake_both: Lake, lake: Lake) -> None:
    """An older cache migrated after a newer one gives the same lake, except for recorded_at."""
    lake.migrate(CACHE_2021)
    lake.migrate(CACHE_2019)
    assert_same_content(content(lake), content(lake_both))
