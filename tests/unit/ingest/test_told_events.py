"""Test that the splits which a source of prices tells are loaded with its bars, and its dividends named."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from factorlab_lake.errors import InvalidInput, LakeWarning
from factorlab_lake.ingest.plan import FetchPolicy
from factorlab_lake.lake import Lake
from tests.fakes.scripted_fmp import Script, Time, json_response, provider
from tests.support import bar
from tests.unit.cli.running import run
from tests.unit.ingest.scripted_provider import ScriptedProvider

_ALPHA_VANTAGE = """\
timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient
2020-09-01,132.76,134.8,130.53,134.18,131.5,151948100,0.0000,1.0
2020-08-31,127.58,131.0,126.0,129.04,126.5,223505733,0.0000,4.0
2020-08-28,504.05,505.77,498.31,499.23,122.3,46907479,0.82,1.0
"""
_TIINGO = """date,close,open,volume,adjClose,divCash,splitFactor
2020-08-28T00:00:00.000Z,499.23,504.05,46907479,124.8,0.82,1.0
2020-08-31T00:00:00.000Z,129.04,127.58,223505733,129.04,0.0,4.0
"""
_YAHOO = """Date,Open,Close,Adj Close,Volume,Dividends,Stock Splits
2020-08-28,126.01,124.81,122.3,187629916,0.205,0.0
2020-08-31,127.58,129.04,126.5,223505733,0.0,4.0
"""
_SOURCES = {
    "alpha vantage": (_ALPHA_VANTAGE, None),
    "tiingo": (_TIINGO, None),
    "yahoo": (_YAHOO, "2021-03-31"),
}
_COUNT = {
    "symbol": ["AAPL"],
    "as_of_date": ["2020-07-17"],
    "source": ["cover_page"],
    "shares": [4_275_634_000],
    "filing_date": ["2020-07-30"],
    "split_basis_date": ["2020-07-30"],
}
_SPLITS = "SELECT symbol, date::VARCHAR, numerator, denominator FROM splits ORDER BY ALL"
_TOLD = [("AAPL", "2020-08-31", 4.0, 1.0)]


def _texts(lake: Lake, source: Any, **how: Any) -> list[str]:
    with pytest.warns(LakeWarning) as caught:
        lake.load("price_data", source, **how)
    return [str(each.message) for each in caught]


def _split(day: str, numerator: float) -> dict[str, list[Any]]:
    return {"symbol": ["AAPL"], "date": [day], "numerator": [numerator], "denominator": [1]}


@pytest.mark.parametrize("source", _SOURCES)
def test_the_split_of_a_file_counts_in_market_caps(lake: Lake, tmp_path: Path, source: str) -> None:
    """The load tells the split, and caps on both of its sides are right; both loads are one commit."""
    text, basis = _SOURCES[source]
    file = tmp_path / "aapl.csv"
    file.write_text(text)
    texts = _texts(lake, file, symbol="aapl", split_basis=basis)
    assert any("1 split of the source is loaded too: AAPL 2020-08-31 4:1" in each for each in texts)
    assert not [each for each in texts if "split" in each.partition("not loaded")[0] and "not loaded" in each]
    assert lake.refresh().snapshot.id == 1
    assert lake.sql(_SPLITS).rows() == _TOLD
    lake.load("shares_outstanding", _COUNT)
    caps = lake.market_caps("AAPL", ["2020-08-28", "2020-08-31"])["market_cap"].to_list()
    assert caps == pytest.approx([499.23 * 4_275_634_000, 129.04 * 4 * 4_275_634_000], rel=1e-4)


@pytest.mark.parametrize("source", _SOURCES)
def test_the_named_command_loads_the_dividends(tmp_path: Path, source: str) -> None:
    """The warning names the command with the options of the load, and it works as it is written."""
    text, basis = _SOURCES[source]
    file, at = tmp_path / "my bars.csv", ("--lake", tmp_path / "lake")
    file.write_text(text)
    how = ("--symbol", "AAPL", *(("--split-basis", basis) if basis else ()))
    done = run(*at, "load", "price_data", file, *how)
    options = " ".join(how)
    command = f"factorlab-lake load dividends '{file}' {options}"
    assert f"dividends of the source not loaded; `{command}` loads them (1 row)." in " ".join(
        done.err.split()
    )
    assert "1 row, " in run(*at, "load", "dividends", file, *how).out


def test_loading_the_splits_of_the_file_again_changes_nothing(lake: Lake, tmp_path: Path) -> None:
    """The log has the file's name. `load splits` of the file makes the same split a user's own, once."""
    file = tmp_path / "aapl.csv"
    file.write_text(_TIINGO)
    _texts(lake, file, symbol="AAPL")
    log = "SELECT endpoint, records_fetched FROM data_fetch_log WHERE data_type = 'splits'"
    assert lake.sql(log).rows() == [("load:aapl.csv", 1)]
    assert lake.sql("SELECT source FROM splits").rows() == [("prices",)]
    for _ in range(2):
        lake.load("splits", file, symbol="AAPL")
        assert lake.refresh().snapshot.id == 2
        assert lake.sql("SELECT source FROM splits WHERE retracted_at IS NULL").rows() == [("file",)]
    assert not [each for each in _texts(lake, file, symbol="AAPL") if "loaded too" in each]
    assert lake.refresh().snapshot.id == 2


@pytest.mark.parametrize("prices_first", [True, False])
@pytest.mark.parametrize("source", ["provider", "file"])
def test_a_list_is_before_the_splits_of_prices(lake: Lake, source: str, *, prices_first: bool) -> None:
    """Another ratio of a list of splits applies whatever is loaded first."""
    bars = pl.DataFrame(
        {
            "date": ["2020-08-28", "2020-08-31"],
            "close": [500.0, 125.0],
            "adjClose": 125.0,
            "divCash": 0.0,
            "splitFactor": [1.0, 5.0],
        }
    )

    def load_list() -> None:
        if source == "file":
            lake.load("splits", _split("2020-08-31", 4))
        else:
            record = {"symbol": "AAPL", "date": "2020-08-31", "numerator": 4, "denominator": 1}
            lake.fetch(provider(Script(json_response([record]))), "AAPL", kinds="splits")
        lake.refresh()

    if not prices_first:
        load_list()
    _texts(lake, bars, symbol="AAPL", split_basis="own-day")
    if prices_first:
        load_list()
    lake.refresh().load("shares_outstanding", _COUNT)
    applied = "SELECT numerator, source FROM split_events WHERE status = 'applied'"
    assert lake.refresh().sql(applied).rows() == [(4.0, source)]
    caps = lake.market_caps("AAPL", ["2020-08-28", "2020-08-31"])["market_cap"].to_list()
    assert caps == pytest.approx([500 * 4_275_634_000] * 2)


@pytest.mark.parametrize("prices_first", [True, False])
def test_a_split_that_a_newer_list_lacks_is_that_of_prices(lake: Lake, *, prices_first: bool) -> None:
    """The file of prices tells it still, whichever came first; while the list has it, no rule warns."""
    time = Time(start=datetime.now(UTC))

    def fetch(day: str) -> None:
        record = {"symbol": "AAPL", "date": day, "numerator": 4, "denominator": 1}
        fmp = provider(Script(json_response([record])), time)
        lake.fetch(fmp, "AAPL", kinds="splits", policy=FetchPolicy(refresh_days=0))
        time.seconds += 1
        lake.refresh()

    if not prices_first:
        fetch("2020-08-31")
    texts = _texts(lake, pl.read_csv(_TIINGO.encode()), symbol="AAPL")
    assert any("1 split of the source is loaded too" in each for each in texts) == prices_first
    if prices_first:
        fetch("2020-08-31")
    events = "SELECT source, status FROM split_events ORDER BY ALL"
    assert lake.refresh().sql(events).rows() == [("prices", "duplicate"), ("provider", "applied")]
    assert "split_told_twice" not in lake.quality()["rule"].to_list()
    fetch("2000-06-21")
    applied = f"{events.partition('ORDER')[0]} WHERE date = '2020-08-31' ORDER BY ALL"
    assert lake.sql(applied).rows() == [("prices", "applied"), ("provider", "retracted")]


@pytest.mark.parametrize(
    ("day", "numerator", "text"),
    [
        ("2020-08-31", 4, None),
        ("2020-08-28", 4, None),  # the lists date it differently
        ("2020-08-28", 4.003, None),  # and round its ratio
        ("2020-08-31", 5, "not used, because the lake has another ratio for the day: AAPL 2020-08-31 4:1"),
    ],
)
def test_a_split_of_the_lake_stays(lake: Lake, day: str, numerator: float, text: str | None) -> None:
    """A user's correction is not undone by a file of prices, and one split is not stored on two days."""
    lake.load("splits", _split(day, numerator))
    file = pl.read_csv(_YAHOO.encode())
    texts = _texts(lake, file, symbol="AAPL", split_basis="2021-03-31")
    assert lake.sql(_SPLITS).rows() == [("AAPL", day, numerator, 1.0)]
    assert not [each for each in texts if "loaded too" in each]
    named = [each for each in texts if "another ratio" in each]
    assert not named if text is None else text in named[0]
    assert text is None or "`lake.load('splits', source, symbol='AAPL')` loads it" in named[0]


def test_a_dry_run_tells_the_splits_and_stores_none(lake: Lake, tmp_path: Path) -> None:
    """The warning is that of the load, in the future."""
    file = tmp_path / "aapl.csv"
    file.write_text(_TIINGO)
    texts = _texts(lake, file, symbol="AAPL", dry_run=True)
    assert any("1 split of the source is to be loaded too: AAPL 2020-08-31 4:1" in each for each in texts)
    assert lake.refresh().snapshot.id == 0


def test_an_impossible_split_refuses_the_load(lake: Lake, tmp_path: Path) -> None:
    """Caps without it would be wrong, so nothing is stored."""
    file = tmp_path / "aapl.csv"
    file.write_text(_TIINGO.replace(",4.0", ",-4.0"))
    with (
        pytest.warns(LakeWarning),
        pytest.raises(InvalidInput, match=r"splits: numerator: -4\.0 is not positive"),
    ):
        lake.load("price_data", file, symbol="AAPL")
    assert lake.refresh().snapshot.id == 0


@pytest.mark.parametrize("form", ["frame", "csv", "parquet"])
def test_a_day_that_one_of_several_symbols_lacks(lake: Lake, tmp_path: Path, form: str) -> None:
    """Its volumes are decimal numbers then, and its splits NaN: they load in every form, without a split."""
    nan = float("nan")
    columns = {
        ("Close", "AAPL"): [499.23, 129.04],
        ("Close", "MSFT"): [nan, 225.53],
        ("Adj Close", "AAPL"): [499.23, 129.04],
        ("Adj Close", "MSFT"): [nan, 225.53],
        ("Volume", "AAPL"): [1, 2],
        ("Volume", "MSFT"): [nan, 3],
        ("Stock Splits", "AAPL"): [0.0, 4.0],
        ("Stock Splits", "MSFT"): [nan, 0.0],
    }
    days = pd.DatetimeIndex(["2020-08-28", "2020-08-31"], name="Date")
    frame = pd.DataFrame(columns, index=days)
    frame.columns = pd.MultiIndex.from_tuples(list(columns), names=["Price", "Ticker"])
    file = tmp_path / f"bars.{form}"
    if form == "csv":
        frame.to_csv(file)
    elif form == "parquet":
        frame.to_parquet(file)
    source = frame if form == "frame" else file
    _texts(lake, source, split_basis="own-day")
    rows = lake.refresh().sql("SELECT symbol, date::VARCHAR, volume FROM price_data ORDER BY ALL").rows()
    assert rows == [("AAPL", "2020-08-28", 1.0), ("AAPL", "2020-08-31", 2.0), ("MSFT", "2020-08-31", 3.0)]
    assert lake.sql(_SPLITS).rows() == _TOLD


def test_equal_rows_are_counted_once(lake: Lake) -> None:
    """The number is that of the stored rows, and a warning says how many repeat another."""
    bars = pl.DataFrame(
        {"symbol": ["A"] * 3, "date": ["2020-01-02"] * 2 + ["2020-01-03"], "close_price": 1.0}
    )
    with pytest.warns(LakeWarning, match=r"price_data: 1 row repeats another one, and is stored once\."):
        assert lake.load("price_data", bars, split_basis="own-day") == 2
    assert lake.refresh().sql("SELECT count(*) FROM price_data").item() == 2


def test_each_split_is_compared_with_those_of_its_symbol_and_time(lake: Lake) -> None:
    """A held split hides neither the same ratio of another year, nor the split of another symbol that day."""
    lake.load("splits", _split("2019-03-01", 2))
    lake.refresh().load("splits", {**_split("2020-08-31", 4), "symbol": ["TSLA"]})
    days = ["2019-03-01", *(f"20{year}-08-31" for year in range(20, 26))]
    rows = [*(("AAPL", day, 2.0) for day in days), ("TSLA", "2020-08-31", 4.0)]
    bars = pl.DataFrame(rows, ["symbol", "date", "splitFactor"], orient="row")
    bars = bars.with_columns(close=pl.lit(5.0), adjClose=pl.lit(5.0), divCash=pl.lit(0.0))
    (text,) = (t for t in _texts(lake.refresh(), bars) if "loaded too" in t)
    assert "6 splits of the source are loaded too: AAPL 2020-08-31 2:1" in text
    assert text.endswith(" and 1 more.")
    of = "SELECT date::VARCHAR FROM splits WHERE symbol = 'AAPL' AND retracted_at IS NULL ORDER BY date"
    assert [day for (day,) in lake.refresh().sql(of).rows()] == days


@pytest.mark.parametrize("ended", ["inferred", "retracted"])
def test_a_split_that_no_list_tells_any_more_hides_none(lake: Lake, ended: str) -> None:
    """An inferred split is a guess, and a retracted one was wrong: the split of the file is loaded."""
    before, after = (datetime(2020, 8, day, 23, tzinfo=UTC) for day in (28, 31))
    old, new = [(f"2020-08-{day}", 400.0 + day) for day in range(24, 29)], [("2020-08-31", 129.04)]
    adjusted = [(day, close / 4) for day, close in old] if ended == "inferred" else old
    split = {"symbol": "AAPL", "date": "2020-08-31", "numerator": 4, "denominator": 1}
    listed = [] if ended == "inferred" else [split]
    source = ScriptedProvider({}, before)
    for source.now, bars, splits in ((before, old, listed), (after, adjusted + new, [])):
        source.records = {("price", "AAPL", None): [bar(*b) for b in bars], ("split", "AAPL", None): splits}
        lake.fetch(source, "AAPL", kinds=["prices", "splits"])
        lake.refresh()
    [(held,)] = lake.sql("SELECT source FROM splits").rows()
    assert held == ("inferred" if ended == "inferred" else "provider")
    texts = _texts(lake, pl.read_csv(_TIINGO.encode()), symbol="AAPL")
    assert any("1 split of the source is loaded too: AAPL 2020-08-31 4:1" in each for each in texts)
    applied = "SELECT numerator, source FROM split_events WHERE status = 'applied'"
    assert lake.refresh().sql(applied).rows() == [(4.0, "prices")]


@pytest.mark.parametrize(
    ("ratio", "sides"),
    [(1.052632, (20.0, 19.0)), (0.00025, (1.0, 4000.0)), (3.333333, (10.0, 3.0)), (1.4325, (573.0, 400.0))],
)
def test_a_ratio_of_decimals_is_that_of_whole_numbers(
    lake: Lake, ratio: float, sides: tuple[float, float]
) -> None:
    """A vendor rounds 20:19 to 1.052632; the row has the time of its load, as the bars of the file."""
    bars = pl.DataFrame(
        {"date": ["2020-08-31"], "close": 5.0, "adjClose": 5.0, "divCash": 0.0, "splitFactor": ratio}
    )
    _texts(lake, bars, symbol="AAPL")
    assert lake.refresh().sql("SELECT numerator, denominator FROM splits").rows() == [sides]
    of_both = "SELECT s.fetched_at = p.fetched_at FROM splits s, price_data p"
    assert lake.sql(of_both).rows() == [(True,)]


def test_a_missing_dividend_is_none(lake: Lake) -> None:
    """The number of dividends is that of the days with one; NaN stands for none."""
    bars = pl.read_csv(_YAHOO.encode()).with_columns(Dividends=pl.Series([0.205, float("nan")]))
    texts = _texts(lake, bars, symbol="AAPL", split_basis="2021-03-31")
    assert any(each.endswith("loads them (1 row).") for each in texts)
