"""Test quotes in hundredths of a currency, and symbols that stand for several shares.

Every company has 1,000 shares. Its quarters earn 100 each, so a year earns 400.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, LakeWarning
from factorlab_lake.lake import Lake
from tests.support import Entry, arrive, bar
from tests.unit.query.lake_builder import LakeBuilder, filing, one, quarters

DAY = "2021-03-31"
# Symbol: quote, currency of the quote, of the statements, is_adr, shares_per_receipt.
QUOTED: dict[str, tuple[float, str | None, str, bool | None, float | None]] = {
    "PENCE.L": (210, "GBp", "GBP", False, None),
    "PENCEX.L": (210, "GBX", "GBP", None, None),
    "RAND.JO": (5000, "ZAc", "ZAR", False, None),
    "SHEKEL.TA": (1234, "ILA", "ILS", False, None),
    "DOLLAR.L": (21, "USD", "USD", False, None),
    "POUND": (2.1, "GBP", "GBP", False, None),
    "FIVE": (150, "USD", "TWD", True, 5),
    "HALF": (10, "USD", "USD", True, 0.5),
    "PREFERRED": (10, "USD", "USD", False, 0.25),
    "RATIOLESS": (150, "USD", "TWD", True, None),
}


# Symbol: quote, currency of the annual statement, earnings of its 1,000 shares.
WITHOUT_PROFILE = {
    "SHOWN.L": (50.0, "USD", 7_650),  # 7.65 a share beside a quote of 0.50 pounds cannot be
    "PENNY.L": (210.0, "GBP", 400),  # 0.40 beside 2.10 pounds: a bank in hard times
    "POUNDS.L": (50.0, "GBP", 2_499),  # just below the limit: 5 x 0.50
    "LIRE.L": (50.0, "JPY", 76_500),  # no rate tells what the earnings are in pounds
    "LOSS.L": (50.0, "USD", -7_650),
    "SHOWN.JO": (250.0, "ZAR", 20_000),
}


def annual(currency: str, net_income: float) -> dict[str, Any]:
    """Return an annual statement of a company with 1,000 shares."""
    return filing(
        "2020-12-31",
        "FY",
        filed="2021-03-01",
        reportedCurrency=currency,
        netIncome=net_income,
        revenue=90_000,
        weightedAverageShsOut=1000,
        cik="0000000077",
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake with these symbols, one of London without a profile, and one without a currency."""
    builder = LakeBuilder()
    for symbol in (*QUOTED, "BARE.L", "NAMED.L", "BARE"):
        quote, _, reported, _, _ = QUOTED.get(symbol, (210.0, None, "GBP", None, None))
        rows = quarters(
            reportedCurrency=[reported] * 4,
            netIncome=[100] * 4,
            revenue=[200] * 4,
            weightedAverageShsOut=[1000] * 4,
        )
        builder.statements(symbol, "income", rows)
        builder.closes(symbol, {DAY: quote})
    for symbol, (_, currency, _, is_adr, ratio) in QUOTED.items():
        builder.row(
            "company_profiles", symbol=symbol, currency=currency, is_adr=is_adr, shares_per_receipt=ratio
        )
    for symbol, (quote, reported, earned) in WITHOUT_PROFILE.items():
        builder.statements(symbol, "income", [annual(reported, earned)])
        builder.closes(symbol, {"2021-03-04": quote, DAY: quote})
    lake = builder.build(tmp_path_factory.mktemp("units"))
    # A file that has the column must fill it; a file without one says nothing of the unit.
    lake.load("company_profiles", {"symbol": ["NAMED.L"], "company_name": ["Without a currency"]})
    return lake


def _cap(made: Lake, symbol: str) -> tuple[Any, ...]:
    cap = one(made, "market_caps", symbol, DAY)
    return cap["market_cap"], cap["currency"], cap["close_price"], cap["reason"]


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("PENCE.L", (2_100, "GBP", 2.1, None)),
        ("PENCEX.L", (2_100, "GBP", 2.1, None)),
        ("RAND.JO", (50_000, "ZAR", 50, None)),
        ("SHEKEL.TA", (12_340, "ILS", 12.34, None)),
        ("DOLLAR.L", (21_000, "USD", 21, None)),
        ("POUND", (2_100, "GBP", 2.1, None)),
        ("FIVE", (30_000, "USD", 150, None)),
        ("HALF", (20_000, "USD", 10, None)),
        ("PREFERRED", (40_000, "USD", 10, None)),
        ("RATIOLESS", (None, "USD", 150, "receipt_ratio_unknown")),
        ("BARE.L", (None, None, None, "quote_unit_unknown")),
        ("NAMED.L", (None, None, None, "quote_unit_unknown")),
        ("BARE", (210_000, None, 210, None)),
        ("SHOWN.L", (50_000, "GBP", 50, None)),
        ("SHOWN.JO", (250_000, "ZAR", 250, None)),
        *(
            (name, (None, None, None, "quote_unit_unknown"))
            for name in ("PENNY.L", "POUNDS.L", "LIRE.L", "LOSS.L")
        ),
    ],
)
def test_a_cap_is_in_the_main_unit_of_its_currency(
    made: Lake, symbol: str, expected: tuple[Any, ...]
) -> None:
    """The close is divided by a hundred where it is quoted so, and the cap by the shares of a receipt."""
    assert _cap(made, symbol) == expected
    by_sql = (
        f"SELECT market_cap, currency, close_price, reason FROM market_caps(['{symbol}'], [DATE '{DAY}'])"
    )
    assert made.sql(by_sql).row(0) == expected


def test_price_factors_use_the_main_unit(made: Lake) -> None:
    """Barclays earns pounds and trades in pence: 2,100 / 400. A rand and a cent do not differ either."""
    assert one(made, "factors", "PENCE.L", DAY)["pe_ratio"] == 5.25
    assert one(made, "factors", "RAND.JO", DAY)["pe_ratio"] == 125
    assert one(made, "factors", "FIVE", DAY)["pe_ratio"] is None  # dollars over Taiwanese dollars


def test_prices_are_as_stored_with_their_unit(made: Lake) -> None:
    """The quote stays as it is: a market cap alone converts it."""
    assert made.prices("PENCE.L").select("close_price", "currency").rows() == [(210, "GBp")]
    assert made.prices("BARE.L").select("close_price", "currency").rows() == [(210, None)]


def test_an_explanation_shows_the_conversion(made: Lake) -> None:
    """The steps have the quoted and the converted close, and the shares of a receipt."""
    steps = made.explain_market_cap("PENCE.L", DAY)
    assert steps.filter(step="close_price")["value"].to_list() == [210, 2.1]
    steps = made.explain_market_cap("FIVE", DAY)
    assert steps.filter(step="shares_per_receipt")["value"].to_list() == [5]
    assert steps.filter(step="market_cap")["note"].to_list() == ["150.0 * 1000.0 * 1.0 / 5.0"]
    [note] = made.explain_market_cap("BARE.L", DAY).filter(step="market_cap")["note"]
    assert note.startswith("quote_unit_unknown; load a company profile with the currency")


def test_the_unit_is_known_from_the_day_of_a_loaded_profile_on_and_before(tmp_path: Path) -> None:
    """A profile that is loaded after the bars answers for them too."""
    builder = LakeBuilder()
    builder.shares("LATE.L", "2020-12-31", 1000, reportedCurrency="GBP")
    builder.closes("LATE.L", {DAY: 210})
    lake = builder.build(tmp_path)
    assert _cap(lake, "LATE.L") == (None, None, None, "quote_unit_unknown")
    lake.load("company_profiles", {"symbol": ["LATE.L"], "currency": ["GBp"]})
    assert _cap(lake, "LATE.L") == (2_100, "GBP", 2.1, None)


def test_a_later_profile_changes_no_earlier_cap(tmp_path: Path) -> None:
    """A symbol in pounds from 2021-02-01 on was in pence before, and before any profile."""
    builder = LakeBuilder()
    builder.shares("MOVED.L", "2020-09-30", 1000, reportedCurrency="GBP")
    days = {"2020-12-01": 210.0, "2021-01-15": 220.0, DAY: 2.3}
    builder.closes("MOVED.L", days)
    lake = builder.build(tmp_path)

    def profile(day: str, **fields: Any) -> None:
        columns = {name: [value] for name, value in fields.items()}
        lake.load("company_profiles", {"symbol": ["MOVED.L"], "fetched_at": [f"{day}T12:00:00Z"], **columns})

    profile("2021-01-01", currency="GBp", company_name="Moved")
    before = lake.market_caps("MOVED.L", ["2020-12-01", "2021-01-15"])["market_cap"].to_list()
    assert before == [2_100, 2_200]
    profile("2021-02-01", currency="GBP", is_adr=False)
    profile("2021-03-01", company_name="Moved PLC")
    caps = lake.market_caps("MOVED.L", list(days))
    assert caps["market_cap"].to_list() == [2_100, 2_200, 2_300]
    assert caps["currency"].to_list() == ["GBP"] * 3
    by_sql = "SELECT market_cap FROM market_caps(['MOVED.L'], $days::DATE[]) ORDER BY date"
    assert lake.sql(by_sql, days=list(days))["market_cap"].to_list() == [2_100, 2_200, 2_300]
    [newest] = lake.sql("FROM company_profiles").to_dicts()
    assert (newest["company_name"], newest["currency"]) == ("Moved PLC", "GBP")
    history = "SELECT valid_from::VARCHAR, company_name, currency FROM profile_history ORDER BY valid_from"
    assert lake.sql(history).rows() == [
        ("2021-01-01", "Moved", "GBp"),
        ("2021-02-01", "Moved", "GBP"),
        ("2021-03-01", "Moved PLC", "GBP"),
    ]


def test_a_loaded_ratio_holds_before_it_and_survives_a_fetch_without_it(tmp_path: Path) -> None:
    """A vendor's profile has no ratio of receipts, so it cannot take a user's away."""
    builder = LakeBuilder()
    builder.shares("ADR", "2020-12-31", 1000)
    builder.closes("ADR", {DAY: 150})
    lake = builder.build(tmp_path)
    steps: list[tuple[str, dict[str, Any], tuple[Any, ...]]] = [
        ("2021-02-01", {"currency": "USD", "is_adr": True}, (None, "USD", 150, "receipt_ratio_unknown")),
        ("2022-01-01", {"shares_per_receipt": 5}, (30_000, "USD", 150, None)),
        ("2022-06-01", {"is_adr": True}, (30_000, "USD", 150, None)),
    ]
    for day, fields, expected in steps:
        columns = {"symbol": "ADR", "fetched_at": f"{day}T12:00:00Z", **fields}
        lake.load("company_profiles", {name: [value] for name, value in columns.items()})
        assert _cap(lake, "ADR") == expected


def test_a_bar_after_the_statement_shows_the_unit(tmp_path: Path) -> None:
    """A statement comes first, without a bar. The first bar after it tells the unit, as a deep check does."""
    builder = LakeBuilder()
    year = annual("USD", 7_650)
    builder.statements("SHOWN.L", "income", [year])
    lake = builder.build(tmp_path)
    bars = {
        "symbol": ["SHOWN.L"],
        "date": ["2021-03-04"],
        "close_price": [50.0],
        "split_basis_date": ["2021-03-04"],
    }
    lake.load("price_data", bars)
    assert one(lake, "market_caps", "SHOWN.L", "2021-03-04")["market_cap"] == 50_000
    assert lake.verify(deep=True).clean


def served(lake: Lake, place: Path, day: str, close: float, currency: str, until: str) -> None:
    """Store what a provider serves on a day: all bars up to one in a unit, and the profile with the unit."""
    at = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    days = pl.date_range(date(2023, 1, 2), date.fromisoformat(until), eager=True)
    bars = [bar(day.isoformat(), close) for day in days if day.weekday() < 5]
    arrive(lake, place, Entry("MOVED", "price", bars, cached_at=at))
    lake.load("company_profiles", {"symbol": ["MOVED"], "currency": [currency], "fetched_at": [at]})


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (("GBp", "GBP"), (90_000.0, None)),
        (("GBP", "GBp"), (90_000.0, None)),
        (("GBp", "GBp"), (None, "quote_unit_unknown")),
    ],
)
def test_bars_served_again_in_another_unit_are_in_the_newest(
    tmp_path: Path, units: tuple[str, str], expected: tuple[float | None, str | None]
) -> None:
    """A provider that goes over from pence to pounds serves old bars in pounds too: caps stay or are NULL."""
    lake = fl.open(tmp_path / "lake")
    closes = {"GBp": 9000.0, "GBP": 90.0}
    later = closes[units[1]] if units[0] != units[1] else 90.0
    served(lake, tmp_path, "2023-03-03", closes[units[0]], units[0], until="2023-03-02")
    counts = {
        "symbol": ["MOVED"] * 2,
        "source": ["cover_page"] * 2,
        "as_of_date": ["2022-12-31", "2023-06-30"],
        "shares": [1000, 1002],
        "split_basis_date": ["2023-01-20", "2023-07-20"],
        "accepted_at": ["2023-01-20T12:00:00Z", "2023-07-20T12:00:00Z"],
    }
    lake.load("shares_outstanding", counts)
    before = one(lake, "market_caps", "MOVED", "2023-02-01")
    assert (before["market_cap"], before["currency"]) == (90_000, "GBP")
    served(lake, tmp_path, "2023-06-01", later, units[1], until="2023-05-31")
    for day in ("2023-02-01", "2023-05-30"):
        cap = one(lake, "market_caps", "MOVED", day)
        assert (cap["market_cap"], cap["reason"]) == expected


def test_units_are_known_in_any_case(tmp_path: Path) -> None:
    """A profile in gbx counted as a main unit of its own: a cap of a hundred times the right one."""
    spelt = {
        **dict.fromkeys(("GBX", "gbx", "GbX", "GBp"), ("GBP", 1_300)),
        **dict.fromkeys(("ZAc", "ZAC", "zac"), ("ZAR", 1_300)),
        **dict.fromkeys(("ILA", "ila"), ("ILS", 1_300)),
        **dict.fromkeys(("GBP", "gbp", "Gbp"), ("GBP", 130_000)),
        **dict.fromkeys(("USD", "usd"), ("USD", 130_000)),
    }
    symbols = [f"S{place}" for place in range(len(spelt))]
    lake = fl.open(tmp_path / "lake")
    day = {"symbol": symbols, "split_basis_date": [DAY] * len(spelt)}
    lake.load("price_data", day | {"date": [DAY] * len(spelt), "close_price": [130.0] * len(spelt)})
    counts = {"as_of_date": ["2020-12-31"] * len(spelt), "shares": [1000] * len(spelt)}
    counts |= {"source": ["cover_page"] * len(spelt), "filing_date": ["2021-01-15"] * len(spelt)}
    lake.load("shares_outstanding", day | counts)
    with pytest.warns(LakeWarning, match=r"currency is stored in its usual spelling, .* \(8 rows\)"):
        lake.load("company_profiles", {"symbol": symbols, "currency": list(spelt)})
    caps = lake.market_caps(symbols, DAY)
    by_symbol = dict(zip(caps["symbol"], caps.select("currency", "market_cap").rows(), strict=True))
    assert [by_symbol[symbol] for symbol in symbols] == list(spelt.values())
    with pytest.raises(InvalidInput, match=r"currency is 'gbx'; .* Pass 'GBP'"):
        lake.market_caps(symbols, DAY, currency="gbx")
