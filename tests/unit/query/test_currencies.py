"""Test caps in one currency, and factors of a price and statements in two, against plain Python."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from tests.support import copy_of
from tests.unit.query.lake_builder import LakeBuilder
from tests.unit.query.sample_company import sample_company

DAY = "2021-02-01"
PRICED = {
    "pe_ratio", "pb_ratio", "ps_ratio", "pcf_ratio", "ev_to_ebitda", "earnings_yield", "book_to_market",
    "fcf_yield", "dividend_yield",
}  # fmt: skip
FIRST, LAST = date(2019, 9, 2), date(2021, 2, 1)
CASES = LakeBuilder()
for _symbol, _currency in (("HOME", "USD"), ("PARIS", "EUR"), ("LONDON", "GBP"), ("ZURICH", "CHF")):
    sample_company(CASES, _symbol)
    CASES.row("company_profiles", symbol=_symbol, currency=_currency)
sample_company(CASES, "UNKNOWN")
CASES.row("universes", universe="europe", symbol="PARIS", valid_from=date(2021, 1, 1))


def published(first: date = FIRST, last: date = LAST) -> dict[date, dict[str, float]]:
    """Return a rate of dollars and pounds for one euro on each weekday, all different."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return {
        day: {"USD": 1.1 + 0.0007 * n, "GBP": 0.9 - 0.0003 * n}
        for n, day in enumerate(d for d in days if d.weekday() < 5)  # Saturday
    }


def rate_rows(rates: Mapping[date, Mapping[str, float]]) -> pl.DataFrame:
    """Return the rows of ``fx_rates`` of the euro's rates by day and currency."""
    pairs = [("EUR", code, day, rate) for day, row in rates.items() for code, rate in row.items()]
    return pl.DataFrame(pairs, schema=["base", "quote", "date", "rate"], orient="row")


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return the lake of this file without exchange rates."""
    return CASES.build(Path(tmp_path_factory.mktemp("without")))


@pytest.fixture(scope="module")
def made(without: Lake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return the lake with rates of the euro."""
    lake = copy_of(without, tmp_path_factory.mktemp("rates") / "lake")
    lake.load("fx_rates", rate_rows(published()))
    return lake


def _one(lake: Lake, question: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    [row] = getattr(lake, question)(*args, **kwargs).to_dicts()
    return dict(row)


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return math.fsum(values) / len(values)


def _of_2020(code: str) -> list[float]:
    """Return the rates of the twelve months up to the end of the sample's year."""
    return [row[code] for day, row in published().items() if date(2019, 12, 31) < day <= date(2020, 12, 31)]


# --- caps -------------------------------------------------------------------------------------------------


def test_a_cap_is_converted_at_the_rate_of_its_price(made: Lake) -> None:
    """The price is of Friday, 29 January; a euro's cap takes its rate, a pound's goes through the euro."""
    rates = published()[date(2021, 1, 29)]
    paris = _one(made, "market_caps", "PARIS", DAY, currency="USD")
    assert paris["market_cap"] == pytest.approx(800 * rates["USD"], rel=1e-12)
    shown = [paris[n] for n in ("currency", "close_price", "price_currency", "exchange_rate_date", "reason")]
    assert shown == ["USD", 8.0, "EUR", date(2021, 1, 29), None]
    london = _one(made, "market_caps", "LONDON", DAY, currency="USD")
    assert london["market_cap"] == pytest.approx(800 * rates["USD"] / rates["GBP"], rel=1e-12)
    home = _one(made, "market_caps", "HOME", DAY, currency="GBP")
    assert home["exchange_rate"] == pytest.approx(rates["GBP"] / rates["USD"], rel=1e-12)
    assert _one(made, "market_caps", "HOME", DAY, currency="USD")["market_cap"] == 800.0


def test_a_cap_without_a_rate_says_so(made: Lake, without: Lake) -> None:
    """No rate of the currency, an unknown currency, and a cap that is missing anyway."""
    reasons = {
        (symbol, day): _one(made, "market_caps", symbol, day, currency="USD")["reason"]
        for symbol, day in (("ZURICH", DAY), ("UNKNOWN", DAY), ("PARIS", "2019-01-02"))
    }
    assert reasons == {
        ("ZURICH", DAY): "no_exchange_rate",
        ("UNKNOWN", DAY): "currency_unknown",
        ("PARIS", "2019-01-02"): "no_price_within_limit; no_share_count_known",
    }
    assert _one(without, "market_caps", "PARIS", DAY, currency="USD")["reason"] == "no_exchange_rate"


@pytest.mark.parametrize(("age", "reason"), [(7, None), (8, "no_exchange_rate")])
def test_a_rate_holds_for_a_week(without: Lake, tmp_path: Path, age: int, reason: str | None) -> None:
    """A rate that is older than the limit is no rate."""
    lake = copy_of(without, tmp_path / "lake")
    published = date(2021, 1, 29) - timedelta(days=age)
    lake.load("fx_rates", rate_rows({published: {"USD": 2.0}}))
    row = _one(lake, "market_caps", "PARIS", DAY, currency="USD")
    assert (row["reason"], row["market_cap"]) == (reason, None if reason else 1600.0)


def test_caps_of_columns_and_universes(made: Lake) -> None:
    """The answer has the members at the date alone, with the chosen columns after symbol and date."""
    chosen: dict[str, Any] = {"universe": "europe", "dates": ["2020-12-31", DAY]}
    rows = made.market_caps(**chosen, currency="USD", columns=["currency", "market_cap"])
    assert rows.columns == ["symbol", "date", "currency", "market_cap"]
    assert rows.select("symbol", pl.col("date").cast(pl.String)).rows() == [("PARIS", DAY)]
    company = made.company_market_caps(**chosen, currency="USD", columns=["company_market_cap"])
    assert company.columns == ["symbol", "date", "company_market_cap"]
    assert company["company_market_cap"].to_list() == rows["market_cap"].to_list()
    with pytest.raises(InvalidInput, match="Both symbols and universe are set"):
        made.company_market_caps("PARIS", DAY, universe="europe")


@pytest.mark.parametrize(
    ("code", "instead"),
    [
        ("GBp", "'GBP'"), ("gbx", "'GBP'"), ("zac", "'ZAR'"), ("usd", "'USD'"), ("gbp", "'GBP'"),
        (" EUR", "'EUR'"), ("CHF\n", "'CHF'"), ("euro", "'USD'"), ("", "'USD'"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_currency_is_refused(made: Lake, code: str, instead: str) -> None:
    """Pence are no currency of their own; the error proposes the code in capitals that the caller meant."""
    with pytest.raises(InvalidInput, match=f"expected an ISO code in capitals. Pass {instead}"):
        made.market_caps("PARIS", DAY, currency=code)


# --- factors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["PARIS", "LONDON"])
def test_flows_take_the_mean_rate_and_balances_the_closing_rate(made: Lake, symbol: str) -> None:
    """The sample's dollars in the currency of the price; ratios within the statements stay as they are."""
    rates = {day: _dollar(row, symbol) for day, row in published().items()}
    mean = _mean(r for day, r in rates.items() if date(2019, 12, 31) < day <= date(2020, 12, 31))
    closing = rates[date(2020, 12, 31)]
    row, home = (_one(made, "factors", s, DAY) for s in (symbol, "HOME"))
    expected = {
        "pe_ratio": 800 / (20 * mean),
        "pb_ratio": 800 / (400 * closing),
        "ps_ratio": 800 / (100 * mean),
        "pcf_ratio": 800 / (32 * mean),
        "ev_to_ebitda": (800 + (200 + 40 + 20 - 100 - 10) * closing) / (50 * mean),
        "earnings_yield": 20 * mean / 800,
        "book_to_market": 400 * closing / 800,
        "fcf_yield": 24 * mean / 800,
        "dividend_yield": 8 * mean / 800,
    }
    assert {n: row[n] for n in PRICED} == pytest.approx(expected, rel=1e-12)
    others = [n for n in row if n not in PRICED | {"symbol", "company_id"}]
    assert [row[n] for n in others] == [home[n] for n in others]


def _dollar(row: Mapping[str, float], symbol: str) -> float:
    """Return the price of a dollar in the currency of a symbol."""
    return (row["GBP"] if symbol == "LONDON" else 1.0) / row["USD"]


def test_chosen_and_own_factors_are_converted_too(made: Lake) -> None:
    """The inputs of the year before have no rate, so a price over them stays without a value."""
    own = {"ev_to_sales": "enterprise_value / revenue", "old": "market_cap / revenue_year_before"}
    row = _one(made, "factors", "PARIS", DAY, factors=["roe", *own], define=own)
    dollars = [1 / rate for rate in _of_2020("USD")]
    closing = 1 / published()[date(2020, 12, 31)]["USD"]
    assert row["ev_to_sales"] == pytest.approx((800 + 150 * closing) / (100 * _mean(dollars)), rel=1e-12)
    assert json.loads(row["reasons"]) == {"old": "currencies_differ"}


def test_without_rates_factors_are_as_before(made: Lake, without: Lake) -> None:
    """Without any rate, or one of the currency, values are NULL; every other row stays as it is."""
    for lake, symbol in ((without, "PARIS"), (made, "ZURICH")):
        row = _one(lake, "factors", symbol, DAY)
        assert {n for n in PRICED if row[n] is None} == PRICED
        assert set(json.loads(row["reasons"]).values()) == {"currencies_differ"}
    same = [lake.factors(["HOME", "UNKNOWN", "ZURICH"], ["2021-01-29", DAY]) for lake in (made, without)]
    assert_frame_equal(*same)


def test_a_year_with_a_gap_has_no_mean_rate(without: Lake, tmp_path: Path) -> None:
    """A mean over part of a year would be another number; balances need one day alone."""
    lake = copy_of(without, tmp_path / "lake")
    rates = {d: r for d, r in published().items() if not date(2020, 6, 1) <= d < date(2020, 6, 10)}
    lake.load("fx_rates", rate_rows(rates))
    row = _one(lake, "factors", "PARIS", DAY)
    assert {n for n in PRICED if row[n] is not None} == {"pb_ratio", "book_to_market"}
    assert json.loads(row["reasons"])["pe_ratio"] == "currencies_differ"


def test_later_rates_change_no_earlier_answer(without: Lake, tmp_path: Path) -> None:
    """Caps, company caps and factors of each day are the same with the rates of that day and with all."""
    lake = copy_of(without, tmp_path / "lake")
    days = ["2021-01-29", DAY, "2021-02-05"]

    def answers(day: str) -> list[pl.DataFrame]:
        names = ["PARIS", "LONDON"]
        questions = (lake.market_caps, lake.company_market_caps)
        return [*(q(names, day, currency="USD") for q in questions), lake.factors(names, day)]

    before = []
    for day, first in zip(days, (FIRST, date(2021, 1, 30), date(2021, 2, 2)), strict=True):
        until = {d: r for d, r in published(last=date.fromisoformat(day)).items() if d >= first}
        lake.load("fx_rates", rate_rows(until))
        before.append(answers(day))
        assert [rows.filter(pl.col("reason").is_not_null()).height for rows in before[-1]] == [0, 0, 0]
        assert before[-1][-1]["pe_ratio"].null_count() == 0
    lake.load("fx_rates", rate_rows({date(2021, 2, 8): {"USD": 99.0, "GBP": 0.01}}))
    for day, earlier in zip(days, before, strict=True):
        for one, other in zip(answers(day), earlier, strict=True):
            assert_frame_equal(one, other, check_exact=True)


def test_an_explanation_has_the_rates_with_their_days(made: Lake, without: Lake) -> None:
    """Each input has its rate before its converted value, and the answer is that of factors."""
    rows = made.explain_factor("ev_to_ebitda", "PARIS", DAY)
    rates = rows.filter(pl.col("item") == "exchange_rate")
    assert rates["step"].to_list() == [
        "total_debt", "preferred_stock", "minority_interest", "cash_and_cash_equivalents",
        "short_term_investments", "operating_income", "depreciation_and_amortization_cash_flow",
    ]  # fmt: skip
    dollars = [1 / rate for rate in _of_2020("USD")]
    assert rates["value"][0] == pytest.approx(1 / published()[date(2020, 12, 31)]["USD"], rel=1e-12)
    assert rates["value"][-1] == pytest.approx(_mean(dollars), rel=1e-12)
    assert set(rates["date"]) == {date(2020, 12, 31)}
    assert rates["note"][-1] == (
        "EUR for one USD, mean of the rates published after 2019-12-31 up to 2020-12-31"
    )
    assert rows["value"][-1] == _one(made, "factors", "PARIS", DAY)["ev_to_ebitda"]
    for lake, symbol in ((without, "PARIS"), (made, "ZURICH")):
        unconverted = lake.explain_factor("pe_ratio", symbol, DAY)
        assert "exchange_rate" not in set(unconverted["item"])
        assert unconverted["note"][-1] == "currencies_differ"


def test_screens_convert_and_sql_functions_do_not(made: Lake) -> None:
    """SQL has no value for a price in another currency, and says so, rather than another number."""
    rows = made.screen("pe_ratio > 0", DAY, universe="europe")
    assert rows["symbol"].to_list() == ["PARIS"]
    assert rows["pe_ratio"][0] == _one(made, "factors", "PARIS", DAY)["pe_ratio"]
    query = "SELECT pe_ratio, roe, reasons FROM factors(['PARIS'], [DATE '2021-02-01'])"
    [row] = made.sql(query).to_dicts()
    assert (row["pe_ratio"], row["roe"]) == (None, 0.05)
    assert json.loads(row["reasons"])["pe_ratio"] == "currencies_differ"


def test_classes_in_two_currencies_add_up_in_one(tmp_path: Path) -> None:
    """Each class is converted at the rate of its own price, by hand: 10 x 600 + 8 x 400 x 1.25."""
    cases = LakeBuilder()
    for symbol, close, count, currency in (("C.A", 10.0, 600, "USD"), ("C.B", 8.0, 400, "EUR")):
        cases.shares(symbol, "2020-12-31", 900, cik="5")
        cases.row("company_profiles", symbol=symbol, currency=currency)
        cases.closes(symbol, {"2021-02-01": close})
        cases.count(symbol, "cover_page", "2021-01-20", count, filed="2021-01-29")
    lake = cases.build(tmp_path)
    assert _one(lake, "company_market_caps", "C.A", DAY)["reason"] == "currencies_differ"
    lake.load("fx_rates", rate_rows({date(2021, 2, 1): {"USD": 1.25}}))
    row = _one(lake, "company_market_caps", "C.A", DAY, currency="USD")
    assert (row["company_market_cap"], row["currency"], row["reason"]) == (10_000.0, "USD", None)
