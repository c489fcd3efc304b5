"""Test which of the told and observed splits apply, and what market caps and adjusted prices follow.

Right values are computed by hand in each test: price times shares, on one split basis.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import LakeWarning
from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.lake import Lake
from tests.sec_rows import land_sec
from tests.support import CACHE_2019, CACHE_2021, answer, bar, landed, writing

T1, T2, T3 = (datetime(2024, month, 1, 23, tzinfo=UTC) for month in (6, 7, 8))


def split(day: str, numerator: float, denominator: float) -> dict[str, Any]:
    """Return a split as the provider serves it."""
    return {"date": day, "numerator": numerator, "denominator": denominator}


def load_bars(lake: Lake, symbol: str, *rows: tuple[str, float, str]) -> None:
    """Load bars given as day, close and split basis."""
    days, closes, bases = zip(*rows, strict=True)
    columns = {"date": days, "close_price": closes, "split_basis_date": bases}
    lake.load("price_data", {"symbol": [symbol] * len(rows), **columns})


def count(
    lake: Lake, symbol: str, counted: str, shares: float, filed: str, *, source: str = "cover_page"
) -> None:
    """Load a count of a cover page, or of another part of a filing."""
    row = {"as_of_date": counted, "source": source, "shares": shares}
    dates = {"split_basis_date": filed, "filing_date": filed}
    lake.load(
        "shares_outstanding", {name: [value] for name, value in ({"symbol": symbol} | row | dates).items()}
    )


def load_splits(lake: Lake, symbol: str, *splits: tuple[str, float, float], kind: str | None = None) -> None:
    """Load splits given as day, numerator and denominator."""
    days, numerators, denominators = zip(*splits, strict=True)
    columns = {"date": days, "numerator": numerators, "denominator": denominators, "kind": [kind] * len(days)}
    lake.load("splits", {"symbol": [symbol] * len(days), **columns})


def serve(lake: Lake, *answers: Any) -> None:
    """Merge answers of the provider."""
    with writing(lake) as tx:
        merge_batch(tx, list(answers))
    lake.refresh()


def cap(lake: Lake, symbol: str, day: str) -> tuple[float | None, str | None, str | None]:
    """Return a market cap in billions, its evidence and its reason."""
    [row] = lake.market_caps(symbol, day).to_dicts()
    value = row["market_cap"]
    return None if value is None else round(value / 1e9, 3), row["split_evidence"], row["reason"]


def statuses(lake: Lake) -> list[tuple[str, float, str]]:
    """Return date, ratio and status of all split events."""
    return lake.sql("SELECT date::VARCHAR, ratio, status FROM split_events ORDER BY date, event").rows()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return an empty lake."""
    return fl.open(tmp_path / "lake")


@pytest.mark.parametrize("days", [("2022-08-24", "2022-08-25"), ("2022-08-18", "2022-08-25")])
def test_one_split_told_on_two_days_applies_once(lake: Lake, days: tuple[str, str]) -> None:
    """The split counts once, so the cap is 1.0445 x 3 x 300 = 940.05 bn."""
    load_splits(lake, "TSLA", *((day, 3, 1) for day in days))
    count(lake, "TSLA", "2022-07-19", 1.0445e9, "2022-07-25")
    load_bars(lake, "TSLA", ("2022-08-10", 300.0, "2022-09-30"))
    assert cap(lake, "TSLA", "2022-08-10") == (940.05, "told", None)
    assert statuses(lake) == [(days[0], 3, "duplicate"), (days[1], 3, "applied")]


def test_two_splits_of_one_ratio_further_apart_both_apply(lake: Lake) -> None:
    """1:2 in March and 1:2 in June is 1:4: 100 m shares at 8 are 0.2 bn."""
    load_splits(lake, "XX", ("2022-03-01", 1, 2), ("2022-06-01", 1, 2))
    count(lake, "XX", "2022-02-10", 1e8, "2022-02-15")
    load_bars(lake, "XX", ("2022-06-10", 8.0, "2022-06-10"))
    assert cap(lake, "XX", "2022-06-10") == (0.2, "told", None)


def test_a_split_that_a_newer_list_moves_counts_on_its_new_day(lake: Lake) -> None:
    """The vendor moves 3:1 by a day: a bar of the 24th still is before it, and nothing is told twice."""
    count(lake, "AAPL", "2022-07-19", 1.0445e9, "2022-07-25")
    load_bars(lake, "AAPL", ("2022-08-24", 891.3, "2022-08-24"), ("2022-08-25", 296.0, "2022-08-25"))
    serve(lake, answer("split", [split("2022-08-24", 3, 1)], at=T1))
    serve(lake, answer("split", [split("2022-08-25", 3, 1)], at=T2))
    assert cap(lake, "AAPL", "2022-08-24")[0] == round(1.0445 * 891.3, 3)
    assert cap(lake, "AAPL", "2022-08-25")[0] == round(1.0445 * 3 * 296.0, 3)
    assert statuses(lake) == [("2022-08-24", 3, "retracted"), ("2022-08-25", 3, "applied")]


def test_a_split_that_two_sources_date_apart_is_that_of_the_file(lake: Lake) -> None:
    """A user's split of the 24th and the vendor's of the 26th are one, on the user's day."""
    serve(lake, answer("split", [split("2022-08-26", 3, 1)], at=T1))
    load_splits(lake, "AAPL", ("2022-08-24", 3, 1))
    count(lake, "AAPL", "2022-07-19", 1.0445e9, "2022-07-25")
    load_bars(lake, "AAPL", ("2022-08-25", 300.0, "2022-08-25"))
    assert cap(lake, "AAPL", "2022-08-25") == (940.05, "told", None)


def test_an_empty_list_retracts_a_split(lake: Lake) -> None:
    """A split that never happened: 10 m shares at 5 are 0.05 bn, once the vendor takes it back."""
    count(lake, "AAPL", "2024-01-19", 1e7, "2024-01-25")
    load_bars(lake, "AAPL", ("2024-03-08", 5.0, "2024-03-08"))
    serve(lake, answer("split", [split("2024-03-01", 1, 10)], at=T1))
    assert cap(lake, "AAPL", "2024-03-08")[0] == 0.005
    serve(lake, answer("split", [], at=T2))
    assert cap(lake, "AAPL", "2024-03-08") == (0.05, "told", None)
    serve(lake, answer("split", [split("2024-03-01", 1, 10)], at=T3))
    assert cap(lake, "AAPL", "2024-03-08")[0] == 0.005


def test_a_users_correction_stays_after_the_next_fetch(lake: Lake) -> None:
    """The vendor says 1:12, the user 1:20, the vendor 1:12 again: 400 m shares at 5 are 0.1 bn."""
    count(lake, "AAPL", "2019-04-30", 4e8, "2019-05-08")
    load_bars(lake, "AAPL", ("2019-05-13", 5.0, "2019-05-13"))
    serve(lake, answer("split", [split("2019-05-10", 1, 12)], at=T1))
    with pytest.warns(LakeWarning, match="1 row of fmp has other values; the loaded rows count"):
        load_splits(lake, "AAPL", ("2019-05-10", 1, 20))
    serve(lake, answer("split", [split("2019-05-10", 1, 12)], at=datetime.now(UTC)))
    assert cap(lake, "AAPL", "2019-05-13") == (0.1, "told", None)
    current = "SELECT denominator, source FROM splits WHERE retracted_at IS NULL ORDER BY 1"
    assert lake.sql(current).rows() == [(12, "provider"), (20, "file")]


def test_a_user_can_say_that_nothing_happened(lake: Lake) -> None:
    """A ratio of 1:1 on the day overrules the vendor's split, also after the next fetch."""
    count(lake, "AAPL", "2019-04-30", 4e8, "2019-05-08")
    load_bars(lake, "AAPL", ("2019-05-13", 5.0, "2019-05-13"))
    load_splits(lake, "AAPL", ("2019-05-10", 1, 1))
    serve(lake, answer("split", [split("2019-05-10", 1, 12)], at=datetime.now(UTC)))
    assert cap(lake, "AAPL", "2019-05-13") == (2.0, "told", None)


def test_of_two_ratios_of_one_day_one_applies_and_both_are_kept(lake: Lake) -> None:
    """Both rows of the list are stored; one is overruled, by name."""
    serve(lake, answer("split", [split("2024-05-01", 1, 15), split("2024-05-01", 1, 10)], at=T1))
    assert lake.sql("SELECT count(*) FROM splits").item() == 2
    assert sorted(status for _, _, status in statuses(lake)) == ["applied", "overruled"]


def test_a_spin_off_told_as_a_split_changes_no_number_of_shares(lake: Lake) -> None:
    """1,089.3 m GE shares before and after: at 67.50 they are 73.528 bn, at 83.79 91.272 bn."""
    load_splits(lake, "GE", ("2023-01-04", 1281, 1000))
    count(lake, "GE", "2022-09-30", 1.0893e9, "2022-10-25")
    load_bars(lake, "GE", ("2023-01-03", 83.79, "2023-01-03"), ("2023-01-10", 67.5, "2023-01-10"))
    assert cap(lake, "GE", "2023-01-03")[0] == 91.272
    assert cap(lake, "GE", "2023-01-10") == (73.528, "told", None)
    assert statuses(lake) == [("2023-01-04", 1.281, "unproven")]


def test_the_next_count_proves_a_spin_off_and_its_adjusted_prices(lake: Lake) -> None:
    """With 1,088 m shares afterwards it is a distribution: 83.79 / 1.281 is a price of 83.79 as traded."""
    load_splits(lake, "GE", ("2023-01-04", 1281, 1000))
    count(lake, "GE", "2022-09-30", 1.0893e9, "2022-10-25")
    count(lake, "GE", "2023-01-31", 1.088e9, "2023-02-10")
    load_bars(lake, "GE", ("2023-01-03", 83.79 / 1.281, "2023-03-01"), ("2023-01-10", 67.5, "2023-03-01"))
    assert cap(lake, "GE", "2023-01-03")[0] == 91.272
    assert cap(lake, "GE", "2023-01-10")[0] == 73.528
    assert statuses(lake) == [("2023-01-04", 1.281, "applied")]
    [first, _] = lake.prices("GE", "2023-01-03", "2023-01-10", adjusted=True)["close_price"].to_list()
    assert first == pytest.approx(83.79 / 1.281)


def test_the_next_count_proves_a_small_split(lake: Lake) -> None:
    """5:4 with 100 m shares before and 126 m after: 80 a share is 10 bn right after it."""
    load_splits(lake, "XX", ("2023-01-04", 5, 4))
    count(lake, "XX", "2022-09-30", 1e8, "2022-10-25")
    count(lake, "XX", "2023-01-31", 1.26e8, "2023-02-10")
    load_bars(lake, "XX", ("2023-01-10", 80.0, "2023-01-10"))
    assert cap(lake, "XX", "2023-01-10") == (10.0, "told", None)


def test_a_kind_decides_over_all(lake: Lake) -> None:
    """A spin-off of 2:1 in price halves the price alone: 100 m shares at 50 are 5 bn."""
    load_splits(lake, "XX", ("2023-01-04", 2, 1), kind="spin_off")
    count(lake, "XX", "2022-09-30", 1e8, "2022-10-25")
    load_bars(lake, "XX", ("2023-01-10", 50.0, "2023-01-10"))
    assert cap(lake, "XX", "2023-01-10") == (5.0, "told", None)


def fetched_twice(lake: Lake, ratio: float, days: int = 8) -> None:
    """Land bars of two fetches that a split lies between; the later ones are adjusted and go on."""
    start = date(2024, 5, 20)
    closes = {(start + timedelta(days=i)).isoformat(): 1000.0 + 10 * i for i in range(days)}
    rebased = {day: round(close / ratio, 4) for day, close in closes.items()}
    after = {f"2024-06-{day}": round(1100 / ratio, 4) for day in (24, 25, 26)}
    serve(lake, answer("price", [bar(d, c) for d, c in closes.items()], at=T1))
    serve(lake, answer("price", [bar(d, c) for d, c in {**rebased, **after}.items()], at=T2))


@pytest.mark.parametrize("ratio", [(10, 1), (1, 50), (50, 1), (1, 100), (21, 20), (3, 2)], ids=str)
def test_two_fetches_show_a_split_that_no_source_told(lake: Lake, ratio: tuple[int, int]) -> None:
    """A count of May stays on its basis: 1 m shares at 1,100 in June are 1.1 bn, whatever the ratio."""
    fetched_twice(lake, ratio[0] / ratio[1])
    count(lake, "AAPL", "2024-05-10", 1e6, "2024-05-15")
    value, evidence, reason = cap(lake, "AAPL", "2024-06-26")
    assert value == pytest.approx(1.1, abs=0.002)
    assert (evidence, reason) == ("inferred", None)


@pytest.mark.parametrize("told_ratio", [(1, 10), (5, 1)], ids=str)
def test_a_split_that_two_fetches_contradict_is_rejected(lake: Lake, told_ratio: tuple[int, int]) -> None:
    """The bars show 10:1, the file says something else: the bars are right, and the row is named."""
    fetched_twice(lake, 10)
    load_splits(lake, "AAPL", ("2024-06-10", *told_ratio))
    count(lake, "AAPL", "2024-05-10", 1e6, "2024-05-15")
    assert cap(lake, "AAPL", "2024-06-26") == (1.1, "inferred", None)
    assert {ratio: status for _, ratio, status in statuses(lake)} == {
        10: "applied",
        told_ratio[0] / told_ratio[1]: "rejected",
    }


def test_a_split_that_two_fetches_confirm_is_told(lake: Lake) -> None:
    """The right ratio replaces the inferred one."""
    fetched_twice(lake, 10)
    load_splits(lake, "AAPL", ("2024-06-10", 10, 1))
    count(lake, "AAPL", "2024-05-10", 1e6, "2024-05-15")
    assert cap(lake, "AAPL", "2024-06-26") == (1.1, "told", None)
    assert statuses(lake) == [("2024-06-10", 10, "applied")]


def test_a_price_within_the_window_of_an_unknown_split_gives_no_market_cap(lake: Lake) -> None:
    """A count on a basis within the window may or may not include the split: NULL with the reason."""
    fetched_twice(lake, 10)
    count(lake, "AAPL", "2024-06-10", 1e6, "2024-06-12")
    assert cap(lake, "AAPL", "2024-06-26") == (None, None, "split_unknown")


def test_counts_show_a_split_that_no_source_told(lake: Lake) -> None:
    """The count of one day is filed as 1 m, then as 4 m: the split lies between the filings."""
    count(lake, "XX", "2023-12-31", 1e6 + 1, "2024-02-01")
    count(lake, "XX", "2023-12-31", 4e6 + 4, "2024-08-01")
    load_bars(lake, "XX", ("2024-03-01", 25.0, "2024-09-01"))
    assert cap(lake, "XX", "2024-03-01")[:2] == (round(25 * 4.000004e6 / 1e9, 3), "inferred")


@pytest.mark.parametrize("later", [1.0437e6, 1e9, 0.95e6], ids=["issue", "unit", "fewer"])
def test_a_corrected_count_is_no_split(lake: Lake, later: float) -> None:
    """No ratio of small whole numbers, or an error of the unit: no split is assumed."""
    count(lake, "XX", "2023-12-31", 1e6 + 1, "2024-02-01")
    count(lake, "XX", "2023-12-31", later + 3, "2024-08-01")
    assert statuses(lake) == []


def test_without_any_evidence_no_split_is_assumed(lake: Lake) -> None:
    """The cap is not NULL and says that no source told the splits."""
    count(lake, "XX", "2023-12-31", 1e6, "2024-02-01")
    load_bars(lake, "XX", ("2024-03-01", 25.0, "2024-09-01"), ("2024-03-04", 26.0, "2024-02-01"))
    assert cap(lake, "XX", "2024-03-01") == (0.025, "assumed", None)
    assert cap(lake, "XX", "2024-03-04") == (0.026, "observed", None)


def test_lists_end_the_same_in_any_order() -> None:
    """Lists with, without and again with a split give the same history whatever arrives first."""
    lists = [[split("2024-03-01", 2, 1)], [], [split("2024-03-01", 2, 1), split("2024-04-01", 3, 1)]]
    answers = [answer("split", records, at=at) for records, at in zip(lists, (T1, T2, T3), strict=True)]
    expected = landed(answers)["splits"]
    for order in ((1, 2, 0), (2, 0, 1), (2, 1, 0), (0, 2, 1)):
        assert landed([answers[i] for i in order])["splits"].equals(expected), order


def test_two_dividends_of_one_day_both_count(lake: Lake) -> None:
    """The factor of 0.15 and 0.65 after a close of 13.00 is 1 - 0.80 / 13 = 0.938462."""
    records = [{"date": "2023-02-10", "dividend": each, "adjDividend": each} for each in (0.15, 0.65)]
    serve(lake, answer("dividend", records, at=T1))
    load_bars(lake, "AAPL", ("2023-02-09", 13.0, "2024-06-01"), ("2023-02-10", 12.4, "2024-06-01"))
    adjusted = lake.prices("AAPL", "2023-02-09", "2023-02-09", adjusted=True)
    assert adjusted["dividend_factor"].item() == pytest.approx(1 - 0.80 / 13)
    assert lake.sql("SELECT event, dividend FROM dividends ORDER BY 1").rows() == [(1, 0.15), (2, 0.65)]


@pytest.mark.parametrize(("ratio", "after"), [((5, 4), 89.4), ((2, 1), 70.0), ((2, 1), 49.0)], ids=str)
def test_a_real_move_on_an_ex_date_moves_no_basis(lake: Lake, ratio: tuple[int, int], after: float) -> None:
    """A history that falls by 10.6 % or 30 % on the ex-date keeps its basis, but not if it falls by half."""
    load_bars(lake, "XX", ("2023-05-31", 100.0, "2024-06-01"), ("2023-06-01", after, "2024-06-01"))
    load_splits(lake, "XX", ("2023-06-01", *ratio))
    [basis, _] = (
        lake.sql("SELECT split_basis_date::VARCHAR FROM price_data ORDER BY date").to_series().to_list()
    )
    assert basis == ("2023-05-31" if after < 50 else "2024-06-01")


def test_without_a_list_of_splits_counts_place_apples(lake: Lake) -> None:
    """SEC's counts prove 7:1 and 4:1, so the cap is 77.3775 x 4 x 4,375.48 m = 1,354.27 bn."""
    for cache in (CACHE_2019, CACHE_2021):
        lake.migrate(cache, symbols=["AAPL"])
    land_sec(lake, statements=False)
    assert [(ratio, status) for _, ratio, status in statuses(lake)] == [(7, "applied"), (4, "applied")]
    assert cap(lake, "AAPL", "2020-01-31") == (round(77.3775 * 4 * 4.37548, 3), "inferred", None)
    caps = lake.market_caps("AAPL", start="2014-01-31", end="2021-03-31", freq="ME")
    assert caps["market_cap"].null_count() == 0
    steps = (caps["market_cap"] / caps["market_cap"].shift(1)).drop_nulls().to_list()
    assert all(0.75 < step < 1.3 for step in steps)  # a split on the wrong side would be a step of 4 or 7


def test_a_basis_that_a_split_corrected_returns_with_its_retraction(lake: Lake) -> None:
    """The bars before a 2:1 step are as traded, until the list without the split says that the price fell."""
    load_bars(lake, "AAPL", ("2023-05-31", 100.0, "2024-06-01"), ("2023-06-01", 49.0, "2024-06-01"))
    bases = "SELECT split_basis_date::VARCHAR, stated_basis_date::VARCHAR FROM price_data ORDER BY date"
    serve(lake, answer("split", [split("2023-06-01", 2, 1)], at=T1))
    assert lake.sql(bases).rows() == [("2023-05-31", "2024-06-01"), ("2024-06-01", None)]
    serve(lake, answer("split", [], at=T2))
    assert lake.sql(bases).rows() == [("2024-06-01", None), ("2024-06-01", None)]
