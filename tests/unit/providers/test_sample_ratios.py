"""Test the ratios and profiles of the sample server: their fields, their figures, and a fetch of them."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import factorlab_lake as fl
from factorlab_lake.providers.fmp import FmpProvider
from factorlab_lake.providers.fmp.sample_server import SampleDataset, SampleServer
from factorlab_lake.providers.fmp.settings import fmp_settings
from tests.fakes.test_fmp_processes import demo_server, ending, printed
from tests.support import CACHE_2021, FETCHED, answer, bar, income

# The fields of the vendor's recorded responses.
STABLE_RATIOS = """
symbol date fiscalYear period reportedCurrency grossProfitMargin ebitMargin ebitdaMargin operatingProfitMargin
pretaxProfitMargin continuousOperationsProfitMargin netProfitMargin bottomLineProfitMargin receivablesTurnover
payablesTurnover inventoryTurnover fixedAssetTurnover assetTurnover currentRatio quickRatio solvencyRatio
cashRatio priceToEarningsRatio priceToEarningsGrowthRatio forwardPriceToEarningsGrowthRatio priceToBookRatio
priceToSalesRatio priceToFreeCashFlowRatio priceToOperatingCashFlowRatio debtToAssetsRatio debtToEquityRatio
debtToCapitalRatio longTermDebtToCapitalRatio financialLeverageRatio workingCapitalTurnoverRatio
operatingCashFlowRatio operatingCashFlowSalesRatio freeCashFlowOperatingCashFlowRatio debtServiceCoverageRatio
interestCoverageRatio shortTermOperatingCashFlowCoverageRatio operatingCashFlowCoverageRatio
capitalExpenditureCoverageRatio dividendPaidAndCapexCoverageRatio dividendPayoutRatio dividendYield
dividendYieldPercentage revenuePerShare netIncomePerShare interestDebtPerShare cashPerShare bookValuePerShare
tangibleBookValuePerShare shareholdersEquityPerShare operatingCashFlowPerShare capexPerShare
freeCashFlowPerShare netIncomePerEBT ebtPerEbit priceToFairValue debtToMarketCap effectiveTaxRate
enterpriseValueMultiple dividendPerShare
"""
STABLE_PROFILE = """
symbol price marketCap beta lastDividend range change changePercentage volume averageVolume companyName
currency cik isin cusip exchangeFullName exchange industry website description ceo sector country
fullTimeEmployees phone address city state zip image ipoDate defaultImage isEtf isActivelyTrading isAdr isFund
"""


@pytest.fixture(scope="module")
def process() -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Return the process of `demo --server` and what it prints."""
    with ending(demo_server("--json")) as running:
        yield running, json.loads(printed(running, until="}"))


@pytest.fixture(scope="module")
def client(process: tuple[subprocess.Popen[str], dict[str, Any]]) -> Iterator[httpx.Client]:
    """Return a client of the server of the sample."""
    document = process[1]
    with httpx.Client(base_url=document["url"], headers={"apikey": document["key"]}, timeout=30) as client:
        yield client


def of_file(folder: str, name: str) -> dict[str, Any]:
    """Return the newest record of a file of the sample."""
    [file] = (CACHE_2021 / folder).glob(f"{name}_v1.0.json.gz")
    newest: dict[str, Any] = json.loads(gzip.decompress(file.read_bytes()))["data"][0]
    return newest


def test_both_generations_send_the_same_ratios_under_their_own_names(client: httpx.Client) -> None:
    """The ratios of a quarter equal those of this test, which reads the files of the sample itself."""
    [old] = client.get("/api/v3/ratios/AAPL?period=quarter&limit=1").json()
    [new] = client.get("/stable/ratios?symbol=AAPL&period=quarter&limit=1").json()
    earned = of_file("income_statements", "AAPL_income_statement_quarterly_limit20")
    sheet = of_file("balance_sheets", "AAPL_balance_sheet_quarterly_limit20")
    flow = of_file("cash_flows", "AAPL_cash_flow_quarterly_limit20")
    cap = 131.97 * earned["weightedAverageShsOut"]  # the close of 2020-12-24, the last day before its end
    expected = {
        ("currentRatio", "currentRatio"): sheet["totalCurrentAssets"] / sheet["totalCurrentLiabilities"],
        ("debtEquityRatio", "debtToEquityRatio"): sheet["totalDebt"] / sheet["totalStockholdersEquity"],
        ("netProfitMargin", "netProfitMargin"): earned["netIncome"] / earned["revenue"],
        ("priceEarningsRatio", "priceToEarningsRatio"): cap / earned["netIncome"],
        ("priceToBookRatio", "priceToBookRatio"): cap / sheet["totalStockholdersEquity"],
        ("enterpriseValueMultiple", "enterpriseValueMultiple"): (cap + sheet["netDebt"])
        / (earned["operatingIncome"] + flow["depreciationAndAmortization"]),
        ("payoutRatio", "dividendPayoutRatio"): -flow["dividendsPaid"] / earned["netIncome"],
        ("freeCashFlowPerShare", "freeCashFlowPerShare"): flow["freeCashFlow"]
        / earned["weightedAverageShsOut"],
    }
    for (v3, stable), value in expected.items():
        assert (old[v3], new[stable]) == pytest.approx((value, value), rel=1e-12), v3
    assert (old["calendarYear"], new["fiscalYear"], new["date"]) == ("2021", "2021", "2020-12-26")


def test_every_field_of_the_vendor_is_there_and_null_where_the_sample_has_no_figure(
    client: httpx.Client,
) -> None:
    """A client that reads a field finds it; one that needs inventories or a class's share count is null."""
    rows = client.get("/stable/ratios?symbol=GOOG&period=quarter").json()
    assert len(rows) > 10
    assert all(set(row) == set(STABLE_RATIOS.split()) for row in rows)
    nulls = ("inventoryTurnover", "priceToEarningsRatio", "ebitdaMargin")  # zero is no depreciation
    assert {row[name] for row in rows for name in nulls} == {None}
    [profile] = client.get("/stable/profile?symbol=AAPL").json()
    assert set(profile) == set(STABLE_PROFILE.split())
    assert (profile["sector"], profile["beta"]) == (None, None)


def test_profiles_have_the_company_and_the_figures_of_its_bars(client: httpx.Client) -> None:
    """Both generations return the price, the year's range and the name; an unknown symbol has none."""
    [old], [new] = (client.get(p).json() for p in ("/api/v3/profile/AAPL", "/stable/profile?symbol=AAPL"))
    expected = ("Apple Inc.", "0000320193", "USD", 122.15, "59.225-146.25")
    for profile in (old, new):
        assert tuple(profile[n] for n in ("companyName", "cik", "currency", "price", "range")) == expected
    shares = of_file("income_statements", "AAPL_income_statement_quarterly_limit20")["weightedAverageShsOut"]
    assert old["mktCap"] == new["marketCap"] == round(122.15 * shares)
    assert (old["exchangeShortName"], new["exchange"]) == ("NASDAQ", "NASDAQ")
    assert client.get("/stable/profile?symbol=NONE").json() == []


@pytest.mark.parametrize("generation", ["v3", "stable"])
def test_a_fetch_stores_the_ratios_and_profiles(
    process: tuple[subprocess.Popen[str], dict[str, Any]], tmp_path: Path, generation: str
) -> None:
    """The provider's own requests bring rows into both tables, and nothing is reported as empty."""
    document = process[1]
    settings = fmp_settings(api_key=document["key"], base_url=document["url"], api_generation=generation)
    lake = fl.open(tmp_path / "lake")
    with FmpProvider(settings, clock=lambda: FETCHED) as fmp:
        report = lake.fetch(fmp, ["AAPL", "GOOGL"], kinds=["ratios", "profiles"])
    assert report.clean
    assert report.empty == []
    rows = lake.sql(
        "SELECT symbol, metrics->>'currentRatio' AS ratio FROM vendor_ratios "
        "WHERE fiscal_date = '2020-12-26' AND fiscal_period = 'Q1'"
    ).rows()
    assert [(symbol, round(float(ratio), 4)) for symbol, ratio in rows] == [("AAPL", 1.163)]
    profiles = lake.sql("SELECT company_name, exchange, exchange_name FROM company_profiles ORDER BY symbol")
    listed = ("NASDAQ", "NASDAQ Global Select")  # v3 calls the name what stable calls the code
    assert profiles.rows() == [("Apple Inc.", *listed), ("Alphabet Inc.", *listed)]


def test_cached_ratios_and_profiles_of_the_vendor_are_served_as_they_are() -> None:
    """A figure of the vendor is not replaced by a computed one, in either generation."""
    ratios = {"symbol": "AAPL", "date": "2020-09-26", "period": "Q4", "calendarYear": "2020", "novelty": 7}
    dataset = SampleDataset.from_cache(
        [
            answer("income", [income("2020-09-26", "Q4"), income("2020-06-27", "Q3")]),
            answer("ratios", [ratios | {"debtEquityRatio": 1.5}]),
            answer("profile", [{"symbol": "AAPL", "companyName": "Apple", "mktCap": 5}]),
            answer("price", [bar("2020-08-31", close=129.0)]),
        ],
        profiles=[{"symbol": "AAPL", "company_name": "Apple Inc."}],
    )
    with SampleServer(dataset) as server, httpx.Client(headers={"apikey": "demo"}, timeout=10) as client:
        old = client.get(f"{server.url}/api/v3/ratios/AAPL?period=quarter").json()
        assert old == [ratios | {"debtEquityRatio": 1.5}]
        new = client.get(f"{server.url}/stable/ratios?symbol=AAPL&period=quarter").json()
        assert [(row["debtToEquityRatio"], row["fiscalYear"]) for row in new] == [(1.5, "2020")]
        profile = client.get(f"{server.url}/stable/profile?symbol=AAPL").json()
        assert [(row["companyName"], row["marketCap"]) for row in profile] == [("Apple", 5)]
