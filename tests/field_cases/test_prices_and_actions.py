"""Test the field cases about bars, splits and dividends."""

from __future__ import annotations

import contextlib
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from factorlab_lake.errors import LakeWarning
from factorlab_lake.ingest.plan import FetchPolicy
from factorlab_lake.lake import Lake
from tests.field_cases.given import INPUTS, bars, fetch, one, records, served, text_file


def test_01_a_zoned_day_is_the_day_of_its_zone(lake: Lake) -> None:
    """Midnight in Tokyo is 15:00 UTC of the day before; the bar is of the day in Tokyo."""
    lake.load("price_data", INPUTS / "01_tokyo_bars.parquet")
    days = [date(2024, 5, day) for day in (7, 8, 9, 10, 13)]
    assert lake.prices("7203.T")["date"].to_list() == days
    assert all(day.weekday() < 5 for day in days)


def _tesla(lake: Lake, folder: Path) -> None:
    shares = "symbol,as_of_date,source,shares,split_basis_date,filing_date\n"
    shares += "TSLA,2022-07-19,cover_page,1044500000,2022-07-19,2022-07-25\n"
    lake.load("shares_outstanding", text_file(folder, "shares.csv", shares))
    lake.load(
        "price_data", bars(("TSLA", "2022-08-10", 300.0), ("TSLA", "2022-08-26", 300.0), basis="2022-09-01")
    )


def test_02_one_split_told_on_two_days_counts_once(lake: Lake, tmp_path: Path) -> None:
    """The cap is 300 x 1,044.5m x 3 = 940.05 bn."""
    _tesla(lake, tmp_path)
    lake.load("splits", INPUTS / "02_split_told_on_two_days.csv")
    cap = one(lake.market_caps("TSLA", "2022-08-10"))
    assert (cap["split_factor"], cap["market_cap"]) == (3.0, pytest.approx(300.0 * 1_044.5e6 * 3))
    assert one(lake.market_caps("TSLA", "2022-08-26"))["market_cap"] == pytest.approx(940.05e9)


def test_02_a_split_that_the_vendor_moves_counts_once(lake: Lake, tmp_path: Path) -> None:
    """The newer complete list replaces the older one, so the split has the day of the newer list."""
    _tesla(lake, tmp_path)
    for day in ("2022-08-24", "2022-08-25"):
        listed = [{"symbol": "TSLA", "date": day, "numerator": 3, "denominator": 1}]
        lake.fetch(served({"splits": listed}), ["TSLA"], kinds=["splits"], policy=FetchPolicy(refresh_days=0))
    assert one(lake.market_caps("TSLA", "2022-08-10"))["split_factor"] == 3.0


def test_04_two_dividends_of_one_day_both_count(lake: Lake) -> None:
    """The factor before the day is 1 - (0.15 + 0.65) / 13 = 0.938462."""
    rows = [("F", "2023-02-08", 13.0), ("F", "2023-02-09", 13.0), ("F", "2023-02-10", 12.2)]
    lake.load("price_data", bars(*rows, basis="2023-03-01"))
    fetch(lake, ["F"], ["dividends"], {"dividends": records("04_two_dividends_one_day.json")})
    assert sorted(lake.sql("SELECT dividend FROM dividends")["dividend"].to_list()) == [0.15, 0.65]
    adjusted = lake.prices("F", adjusted=True).filter(pl.col("date") == date(2023, 2, 9))
    assert adjusted["dividend_factor"].to_list() == [pytest.approx(1 - 0.80 / 13.0, abs=1e-9)]


@pytest.mark.parametrize("order", [1, -1])
def test_05_of_two_ratios_of_one_day_one_applies(lake: Lake, order: int) -> None:
    """Neither ratio vanishes: one applies, the other is kept as overruled, whatever their order."""
    listed = records("05_two_splits_one_day.json")[::order]
    fetch(lake, ["SOPA"], ["splits"], {"splits": listed})
    events = lake.sql("SELECT denominator, status FROM split_events ORDER BY denominator")
    assert events.rows() == [(10.0, "applied"), (15.0, "overruled")]


def _general_electric(lake: Lake, folder: Path) -> None:
    shares = "symbol,as_of_date,source,shares,split_basis_date,filing_date\n"
    shares += "GE,2022-09-30,cover_page,1089300000,2022-09-30,2022-10-25\n"
    lake.load("shares_outstanding", text_file(folder, "shares.csv", shares))
    as_traded = [
        ("GE", day, 83.79 if day < "2023-01-04" else 67.50)
        for day in ("2022-12-29", "2022-12-30", "2023-01-03", "2023-01-04", "2023-01-09", "2023-01-10")
    ]
    for row in as_traded:
        lake.load("price_data", bars(row, basis=row[1]))


def test_07_a_spin_off_changes_no_count(lake: Lake, tmp_path: Path) -> None:
    """The cap is 67.50 x 1,089.3m = 73.5 bn: GE's shareholders kept their shares."""
    _general_electric(lake, tmp_path)
    lake.load("splits", INPUTS / "07_spin_off_told_as_split.csv")
    cap = one(lake.market_caps("GE", "2023-01-10"))
    assert cap["market_cap"] == pytest.approx(67.50 * 1_089.3e6), cap["reason"]
    before = one(lake.market_caps("GE", "2023-01-03"))
    assert before["market_cap"] == pytest.approx(83.79 * 1_089.3e6), before["reason"]


def test_12_a_split_upside_down_does_not_apply(lake: Lake) -> None:
    """Two fetches show 10:1, so the cap is 100 x 2.46 bn x 10; quality names the file's 1:10."""
    folder = INPUTS / "12_split_told_upside_down"
    for taken in ("fetched_2024-06-01", "fetched_2024-07-01"):
        lake.migrate(folder / taken)
    lake.load("shares_outstanding", folder / "shares.csv")
    lake.load("splits", folder / "splits.csv")
    for day in ("2024-05-31", "2024-06-28"):
        assert one(lake.market_caps("NVDA", day))["market_cap"] == pytest.approx(2.46e12), day
    named = lake.quality("NVDA")
    assert not named.filter(pl.col("rule").str.contains("split")).is_empty()


def test_22_a_bar_of_zeros_never_replaces_the_real_one(lake: Lake) -> None:
    """The close of 2019-10-08 is 224.40; the record of zeros has that of the day before."""
    lake.migrate(INPUTS / "22_stub_bar_beside_the_real_one")
    bar = one(lake.prices("AAPL", "2019-10-08", "2019-10-08"))
    assert (bar["close_price"], bar["volume"]) == (224.40, 29_282_700.0)
    assert bar["high_price"] == pytest.approx(226.644)


def test_24_a_correction_outlives_the_next_fetch(lake: Lake, tmp_path: Path) -> None:
    """The vendor says 1:12 before and after; the user's 1:20 stays, so 100m shares become 5m."""
    case = records("24_correction_undone.json")
    vendor = served({"splits": case["vendor, each time"]})
    policy = FetchPolicy(refresh_days=0)
    shares = "symbol,as_of_date,source,shares,split_basis_date,filing_date\n"
    shares += "NVAX,2019-04-30,cover_page,100000000,2019-04-30,2019-05-02\n"
    lake.load("shares_outstanding", text_file(tmp_path, "shares.csv", shares))
    lake.load("price_data", bars(("NVAX", "2019-05-13", 10.0), basis="2019-05-13"))
    lake.fetch(vendor, ["NVAX"], kinds=["splits"], policy=policy)
    with pytest.warns(LakeWarning, match="splits"):  # replacing another provider's value is said
        lake.load("splits", text_file(tmp_path, "splits.csv", case["loaded by the user between"]))
    assert one(lake.market_caps("NVAX", "2019-05-13"))["market_cap"] == pytest.approx(10.0 * 5e6)
    lake.fetch(vendor, ["NVAX"], kinds=["splits"], policy=policy)
    assert one(lake.market_caps("NVAX", "2019-05-13"))["market_cap"] == pytest.approx(10.0 * 5e6)


_BARS = [("2019-05-13", 10.0), ("2019-05-14", 11.0), ("2019-05-15", 10.5), ("2019-05-16", 10.4)]


def _vendor_bars(**changed: float) -> list[dict[str, float | str]]:
    """Return the vendor's records of four days; ``changed`` has other closes, by the day of the month."""
    closes = {day: changed.get(f"d{day[-2:]}", close) for day, close in _BARS}
    return [
        {"date": day, "open": c, "high": c, "low": c, "close": c, "volume": 1000} for day, c in closes.items()
    ]


def _refetch(lake: Lake, **changed: float) -> None:
    provider = served({"historical-price": _vendor_bars(**changed)})
    report = lake.fetch(provider, ["NVAX"], kinds=["prices"], policy=FetchPolicy(everything=True))
    assert report.split_detected == []


def _closes(lake: Lake) -> list[float]:
    return lake.prices("NVAX")["close_price"].to_list()


def _superseded(lake: Lake) -> list[tuple[str, float, str]]:
    query = "SELECT date, close_price, change_kind FROM price_revisions ORDER BY date, revision"
    return [(str(day), close, kind) for day, close, kind in lake.sql(query).rows()]


@pytest.mark.parametrize("wrong", [8.6, 11.3], ids=["as after a split", "another close"])
def test_24_a_corrected_bar_outlives_the_next_fetch(lake: Lake, wrong: float) -> None:
    """The vendor's wrong close of one day stays a revision after each fetch; the user's 11 counts."""
    _refetch(lake, d14=wrong)
    with pytest.warns(LakeWarning, match="other values"):
        lake.load("price_data", bars(("NVAX", "2019-05-14", 11.0), basis="2024-06-03"))
    for _ in range(2):
        _refetch(lake, d14=wrong)
        assert _closes(lake) == [10.0, 11.0, 10.5, 10.4]
        assert [(day, close) for day, close, _ in _superseded(lake)] == [("2019-05-14", wrong)]
    assert lake.sql("SELECT * FROM splits").is_empty()


def test_24_a_vendor_that_changes_a_corrected_bar_changes_no_answer(lake: Lake) -> None:
    """Each content of the vendor is kept, and a newer correction replaces the older one."""
    _refetch(lake, d14=11.3)
    for close in (11.0, 11.1):
        with pytest.warns(LakeWarning) if close == 11.0 else contextlib.nullcontext():
            lake.load("price_data", bars(("NVAX", "2019-05-14", close), basis="2024-06-03"))
        _refetch(lake, d14=11.2, d15=10.6)
        assert _closes(lake) == [10.0, close, 10.6, 10.4]
    assert _superseded(lake) == [
        ("2019-05-14", 11.3, "vendor_revision"),
        ("2019-05-14", 11.2, "correction"),
        ("2019-05-14", 11.0, "vendor_revision"),
        ("2019-05-15", 10.5, "vendor_revision"),
    ]


def test_24_a_vendor_continues_a_loaded_history(lake: Lake) -> None:
    """Loaded bars before a 4:1 split keep their basis; the vendor's, which are after it, show the split."""
    loaded = [("NVAX", day, 4 * close) for day, close in _BARS[:3]]
    lake.load("price_data", bars(*loaded, basis="2019-05-15"))
    provider = served({"historical-price": _vendor_bars()})
    lake.fetch(provider, ["NVAX"], kinds=["prices"], policy=FetchPolicy(everything=True))
    assert _closes(lake) == [40.0, 44.0, 42.0, 10.4]
    inferred = lake.sql("SELECT date, numerator / denominator FROM splits").rows()
    assert inferred == [(date(2019, 5, 16), 4.0)]
    assert lake.prices("NVAX", adjusted=True)["close_price"].to_list() == [10.0, 11.0, 10.5, 10.4]


def test_24_a_corrected_dividend_outlives_the_next_fetch(lake: Lake) -> None:
    """The vendor's dividend of the day is 0.15, the user's 0.65."""
    listed = {"dividends": [{"symbol": "NVAX", "date": "2019-05-14", "dividend": 0.15, "adjDividend": 0.15}]}
    fetch(lake, ["NVAX"], ["dividends"], listed)
    row = pl.DataFrame({"symbol": ["NVAX"], "date": ["2019-05-14"], "dividend": [0.65]})
    with pytest.warns(LakeWarning, match="dividends"):
        lake.load("dividends", row)
    before = lake.prices("NVAX", adjusted=True)
    fetch(lake, ["NVAX"], ["dividends"], listed)
    assert lake.prices("NVAX", adjusted=True).equals(before)
