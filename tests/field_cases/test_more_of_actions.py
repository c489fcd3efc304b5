"""Test further inputs of the kinds of INDEX.md about bars, splits and dividends against the oracle."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import LakeWarning
from factorlab_lake.ingest.plan import FetchPolicy
from factorlab_lake.lake import Lake
from tests.field_cases.given import bars, fetch, one, served, text_file
from tests.field_cases.more_inputs import weekdays
from tests.oracle.events import Telling, day_in_zone, dividend_factor, split_factor
from tests.support import Entry, bar, made_once, migrate

_MIDNIGHTS = {
    # Clocks in Sydney go back on 2024-04-07, and those in London forward on 2024-03-31.
    "CBA.AX": ("Australia/Sydney", [(2024, 4, 4), (2024, 4, 5), (2024, 4, 8), (2024, 4, 9)]),
    "SHEL.L": ("Europe/London", [(2024, 3, 27), (2024, 3, 28), (2024, 4, 2), (2024, 4, 3)]),
}
_SECONDS = {  # by hand: 11 and 10 hours before UTC's midnight in Sydney, 0 and 1 in London
    "CBA.AX": [-11, -11, -10, -10],
    "SHEL.L": [0, 0, -1, -1],
}


@pytest.mark.parametrize("symbol", _MIDNIGHTS)
def test_01_a_zoned_day_is_that_of_its_zone_in_summer_too(lake: Lake, symbol: str) -> None:
    """Midnight of the zone is on the day before in UTC while its clocks are ahead."""
    zone, days = _MIDNIGHTS[symbol]
    moments = [
        datetime(*day, tzinfo=UTC) + timedelta(hours=hours)
        for day, hours in zip(days, _SECONDS[symbol], strict=True)
    ]
    rows = pl.DataFrame({"symbol": symbol, "date": moments, "close_price": 10.0}).with_columns(
        pl.col("date").dt.convert_time_zone(zone), split_basis_date=pl.lit("2024-05-01")
    )
    lake.load("price_data", rows)
    assert lake.prices(symbol)["date"].to_list() == [
        day_in_zone(moment.timestamp(), zone) for moment in moments
    ]


@dataclass(frozen=True)
class _Case:
    """Hold a count before the splits that a file tells, and a close on a later basis."""

    symbol: str
    tellings: list[Telling]
    counted: date
    shares: float
    closes: dict[date, float]
    basis: date | None = None  # each close is as traded without one


_AUGUST = date(2022, 8, 10)
_TOLD = [
    _Case(
        "THREEDAYS", [(date(2022, 8, day), 3, 1, None) for day in (22, 24, 25)],
        date(2022, 7, 19), 1e9, {_AUGUST: 300.0, date(2022, 8, 26): 300.0}, date(2022, 9, 1),
    ),
    _Case(
        "APART", [(date(2022, 8, 1), 3, 1, None), (date(2022, 8, 24), 3, 1, None)],
        date(2022, 7, 19), 1e9, {date(2022, 7, 29): 100.0, _AUGUST: 100.0}, date(2022, 9, 1),
    ),
    _Case(
        "UNSAID", [(date(2023, 5, 1), 41, 40, None)],
        date(2023, 3, 31), 1e8, weekdays("2023-04-24", "2023-05-12", 40.0),
    ),
    _Case(
        "STOCKDIV", [(date(2023, 5, 1), 41, 40, "stock_dividend")],
        date(2023, 3, 31), 1e8, weekdays("2023-04-24", "2023-05-12", 40.0),
    ),
    _Case(
        "SPUNOFF", [(date(2023, 5, 1), 2, 1, "spin_off")],
        date(2023, 3, 31), 1e8,
        weekdays("2023-04-24", "2023-04-28", 80.0) | weekdays("2023-05-01", "2023-05-12", 40.0),
    ),
]  # fmt: skip
_CAPS = [
    ("02", "THREEDAYS", "2022-08-10"), ("02", "THREEDAYS", "2022-08-26"), ("02", "APART", "2022-07-29"),
    ("02", "APART", "2022-08-10"), ("07", "UNSAID", "2023-04-28"), ("07", "UNSAID", "2023-05-10"),
    ("07", "STOCKDIV", "2023-04-28"), ("07", "STOCKDIV", "2023-05-10"), ("07", "SPUNOFF", "2023-05-10"),
]  # fmt: skip


def _make(place: Path) -> None:
    lake = fl.open(place)
    for case in _TOLD:
        rows = [(case.symbol, str(day), close) for day, close in case.closes.items()]
        frames = [bars(row, basis=str(case.basis or row[1])) for row in rows]
        lake.load("price_data", pl.concat(frames))
    names = ("symbol", "date", "numerator", "denominator", "kind")
    events = [(case.symbol, *telling) for case in _TOLD for telling in case.tellings]
    lake.load("splits", pl.DataFrame(events, schema=names, orient="row", infer_schema_length=None))
    lake.load("shares_outstanding", _counts([(each.symbol, each.counted, each.shares) for each in _TOLD]))


def _counts(rows: list[tuple[str, date, float]]) -> pl.DataFrame:
    counts = pl.DataFrame(rows, schema=["symbol", "as_of_date", "shares"], orient="row")
    day = pl.col("as_of_date")
    return counts.with_columns(source=pl.lit("cover_page"), filing_date=day, split_basis_date=day)


@pytest.fixture(scope="module")
def caps_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of all splits that a file tells."""
    return fl.open(made_once(tmp_path_factory, "more_of_actions", _make), create=False)


@pytest.mark.parametrize(("kind", "symbol", "day"), _CAPS)
def test_caps_count_each_split_once_and_no_spin_off(
    caps_lake: Lake, kind: str, symbol: str, day: str
) -> None:
    """A cap is the close on its basis, times the count brought to that basis by the plain computation."""
    case = next(each for each in _TOLD if each.symbol == symbol)
    at = date.fromisoformat(day)
    right = case.closes[at] * case.shares * split_factor(case.tellings, case.counted, case.basis or at)
    row = one(caps_lake.market_caps(symbol, day))
    assert row["market_cap"] == pytest.approx(right, rel=1e-9), (kind, row)


def test_02_a_list_and_a_file_tell_one_split(lake: Lake, tmp_path: Path) -> None:
    """The vendor's day is two days before that of the file: shares are three times as many, not nine."""
    tellings: list[Telling] = [(date(2022, 8, 24), 3, 1, None), (date(2022, 8, 26), 3, 1, None)]
    lake.load("shares_outstanding", _counts([("TWICE", date(2022, 7, 19), 1e9)]))
    lake.load("price_data", bars(("TWICE", "2022-08-10", 300.0), basis="2022-09-01"))
    listed = [{"symbol": "TWICE", "date": "2022-08-24", "numerator": 3, "denominator": 1}]
    fetch(lake, ["TWICE"], ["splits"], {"splits": listed})
    lake.load(
        "splits", text_file(tmp_path, "s.csv", "symbol,date,numerator,denominator\nTWICE,2022-08-26,3,1\n")
    )
    right = 300.0 * 1e9 * split_factor(tellings, date(2022, 7, 19), date(2022, 9, 1))
    assert one(lake.market_caps("TWICE", "2022-08-10"))["market_cap"] == pytest.approx(right)


_AMOUNTS = [("fetched", [0.10, 0.20, 1.30]), ("loaded", [0.25, 2.50])]


@pytest.mark.parametrize(("way", "amounts"), _AMOUNTS)
def test_04_all_dividends_of_a_day_count(lake: Lake, tmp_path: Path, way: str, amounts: list[float]) -> None:
    """Three of a vendor's list, or two of a file: all are stored, and all lower the closes before."""
    rows = [("F", "2023-02-08", 20.0), ("F", "2023-02-09", 20.0), ("F", "2023-02-10", 18.0)]
    lake.load("price_data", bars(*rows, basis="2023-03-01"))
    if way == "fetched":
        listed = [
            {"symbol": "F", "date": "2023-02-10", "dividend": each, "adjDividend": each} for each in amounts
        ]
        fetch(lake, ["F"], ["dividends"], {"dividends": listed})
    else:
        lines = "".join(f"F,2023-02-10,{each}\n" for each in amounts)
        lake.load("dividends", text_file(tmp_path, "d.csv", f"symbol,date,dividend\n{lines}"))
    assert sorted(lake.sql("SELECT dividend FROM dividends")["dividend"].to_list()) == amounts
    before = lake.prices("F", adjusted=True).filter(pl.col("date") == date(2023, 2, 9))
    assert before["dividend_factor"].to_list() == [pytest.approx(dividend_factor(20.0, amounts), abs=1e-9)]


@pytest.mark.parametrize("ratios", [[(2, 1), (3, 2)], [(1, 15), (1, 10), (1, 12)]])
def test_05_of_several_ratios_of_a_day_one_applies(tmp_path: Path, ratios: list[tuple[int, int]]) -> None:
    """All are kept, one applies, and it is the same whatever their order."""
    applied = set()
    for number, order in enumerate(itertools.permutations(ratios)):
        lake = fl.open(tmp_path / f"lake{number}")
        listed = [{"symbol": "S", "date": "2024-05-01", "numerator": n, "denominator": d} for n, d in order]
        fetch(lake, ["S"], ["splits"], {"splits": listed})
        events = lake.sql("SELECT numerator, denominator, status FROM split_events")
        assert {row[:2] for row in events.rows()} == set(ratios)
        applied.add(tuple(row[:2] for row in events.rows() if row[2] == "applied"))
    assert len(applied) == 1
    assert len(applied.pop()) == 1


_SEEN = {  # what two fetches of the bars show, and what the file says
    "TWENTY": ((20, 1), (1, 20)),
    "REVERSE": ((1, 10), (10, 1)),
    "AGREES": ((20, 1), (20, 1)),
}


@pytest.mark.parametrize("symbol", _SEEN)
def test_12_a_file_does_not_overrule_what_the_bars_show(lake: Lake, tmp_path: Path, symbol: str) -> None:
    """Closes as traded are 200 before the split; a billion shares were counted before it."""
    (new, old), (numerator, denominator) = _SEEN[symbol]
    ex_date = date(2024, 6, 10)
    traded = weekdays("2024-03-01", "2024-06-28", 200.0)
    traded = {day: close / (new / old if day >= ex_date else 1) for day, close in traded.items()}
    for taken in (datetime(2024, 6, 1, 12, tzinfo=UTC), datetime(2024, 7, 1, 12, tzinfo=UTC)):
        later = [(ex_date, new, old, None)]
        shown = [
            bar(str(day), close / split_factor(later, day, taken.date()))
            for day, close in traded.items()
            if day < taken.date()
        ]
        migrate(lake, tmp_path, Entry(symbol, "price", shown[::-1], cached_at=taken))
    lake.load("shares_outstanding", _counts([(symbol, date(2024, 5, 24), 1e9)]))
    lake.load("splits", {
        "symbol": [symbol], "date": [ex_date], "numerator": [numerator], "denominator": [denominator]
    })  # fmt: skip
    for day in (date(2024, 5, 31), date(2024, 6, 28)):
        right = traded[day] * 1e9 * split_factor([(ex_date, new, old, None)], date(2024, 5, 24), day)
        assert one(lake.market_caps(symbol, day))["market_cap"] == pytest.approx(right), day
    named = not lake.quality(symbol).filter(pl.col("rule").str.contains("split")).is_empty()
    assert named == (symbol != "AGREES")


_REAL = bar("2019-10-08", 224.40, high=226.64, low=222.16, volume=29_282_700)
_STUBS = {
    "zero volume": bar("2019-10-08", 227.06, open=0, high=0, low=0, volume=0, unadjustedVolume=0),
    "nothing else": bar("2019-10-08", 227.06, open=None, high=None, low=None, volume=None, adjClose=None),
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("stub", _STUBS)
def test_22_the_fuller_bar_of_a_day_stays(lake: Lake, tmp_path: Path, stub: str, *, first: bool) -> None:
    """The stub has the close of the day before: wherever it stands, the real bar's 224.40 is the close."""
    of_day = [_STUBS[stub], _REAL] if first else [_REAL, _STUBS[stub]]
    rows = [*of_day, bar("2019-10-07", 227.06)]
    migrate(lake, tmp_path, Entry("AAPL", "price", rows, cached_at=datetime(2019, 10, 9, 12, tzinfo=UTC)))
    answer = one(lake.prices("AAPL", "2019-10-08", "2019-10-08"))
    right = max(of_day, key=lambda row: sum(bool(value) for value in row.values()))
    assert [answer[f"{name}_price"] for name in ("close", "high", "low")] == [
        right[name] for name in ("close", "high", "low")
    ]
    assert answer["volume"] == right["volume"]


_BARS = [("NVAX", "2024-05-09", 10.0), ("NVAX", "2024-05-10", 10.0)]


def test_24_a_corrected_dividend_outlives_the_next_fetch(lake: Lake, tmp_path: Path) -> None:
    """The vendor says 5.00 before and after, the user 0.05: closes before it are lower by that alone."""
    lake.load("price_data", bars(*_BARS, basis="2024-06-01"))
    row = {"symbol": "NVAX", "date": "2024-05-10", "dividend": 5.0, "adjDividend": 5.0}
    vendor, policy = served({"dividends": [row]}), FetchPolicy(refresh_days=0)
    lake.fetch(vendor, ["NVAX"], kinds=["dividends"], policy=policy)
    text = "symbol,date,dividend\nNVAX,2024-05-10,0.05\n"
    with pytest.warns(LakeWarning, match="dividends"):
        lake.load("dividends", text_file(tmp_path, "rows.csv", text))
    for _ in range(2):
        before = lake.prices("NVAX", adjusted=True).row(0, named=True)
        assert before["dividend_factor"] == pytest.approx(dividend_factor(10.0, [0.05]))
        lake.fetch(vendor, ["NVAX"], kinds=["dividends"], policy=policy)


def test_24_a_corrected_bar_outlives_the_next_fetch(lake: Lake, tmp_path: Path) -> None:
    """The vendor's close of a day is ten times that of the user before and after."""
    vendor = served({"historical-price": [bar("2024-05-10", 55.0) | {"symbol": "NVAX"}]})
    policy = FetchPolicy(refresh_days=0)
    lake.fetch(vendor, ["NVAX"], kinds=["prices"], policy=policy)
    text = "symbol,date,close_price,split_basis_date\nNVAX,2024-05-10,5.5,2024-05-11\n"
    with pytest.warns(LakeWarning, match="price_data"):
        lake.load("price_data", text_file(tmp_path, "rows.csv", text))
    for _ in range(2):
        assert one(lake.prices("NVAX"))["close_price"] == 5.5
        lake.fetch(vendor, ["NVAX"], kinds=["prices"], policy=policy)
