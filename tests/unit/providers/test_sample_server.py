"""Test the sample server by itself: paths, selection, errors, and the day of the newest answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

import httpx
import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.providers.fmp.sample_server import SampleDataset, SampleServer
from tests.support import ROOT, answer, bar, income

SPLITS = [
    {"symbol": "AAPL", "date": "2020-08-31", "numerator": "4", "denominator": "1"},
    {"symbol": "AAPL", "date": "2030-01-02", "numerator": "2", "denominator": "1"},
]
STABLE_PRICES = "/stable/historical-price-eod"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """Return a client of a server with one company: two quarters, a year and two bars."""
    statements = [
        income("2020-09-26", "Q4"),
        income("2020-06-27", "Q3", acceptedDate="2020-07-30 16:30:00"),
        income("2020-09-26", "FY"),
    ]
    prices = [bar("2020-08-28", close=125.0, volume=400), bar("2020-08-31", close=129.0, volume=100)]
    dataset = SampleDataset.from_cache([answer("income", statements), answer("price", prices)], SPLITS)
    with (
        SampleServer(dataset) as server,
        httpx.Client(base_url=server.url, headers={"apikey": "demo"}, timeout=10) as client,
    ):
        yield client


def test_statements_are_selected_by_period_and_limit(client: httpx.Client) -> None:
    """Without a period years are sent; quarters come newest first, and a limit keeps the newest."""
    path = "/stable/income-statement?symbol=AAPL"
    assert [row["period"] for row in client.get(path).json()] == ["FY"]
    quarters = client.get(f"{path}&period=quarter").json()
    assert [row["date"] for row in quarters] == ["2020-09-26", "2020-06-27"]
    assert client.get(f"{path}&period=quarter&limit=1").json() == quarters[:1]
    old = client.get("/api/v3/income-statement/AAPL?period=quarter&limit=1").json()
    assert (old[0]["calendarYear"], quarters[0]["fiscalYear"]) == ("2020", "2020")


def test_prices_are_selected_by_range_and_served_as_traded_on_request(client: httpx.Client) -> None:
    """Before the 4:1 split the price traded is four times the adjusted one, and the volume a quarter."""
    rows = client.get(f"{STABLE_PRICES}/full?symbol=AAPL&to=2020-08-30").json()
    assert [(row["date"], row["close"], row["volume"]) for row in rows] == [("2020-08-28", 125, 400)]
    traded = client.get(f"{STABLE_PRICES}/non-split-adjusted?symbol=AAPL").json()
    assert [(row["adjClose"], row["volume"]) for row in traded] == [(129, 100), (500, 100)]


def test_v3_wraps_a_history_in_an_object(client: httpx.Client) -> None:
    """One symbol comes as an object; unknown symbols of several are left out of the list."""
    one = client.get("/api/v3/historical-price-full/AAPL?from=2020-08-31").json()
    assert (one["symbol"], len(one["historical"])) == ("AAPL", 1)
    several = client.get("/api/v3/historical-price-full/NONE,AAPL?from=2020-08-31").json()
    assert several == {"historicalStockList": [one]}


def test_a_split_after_the_newest_answer_is_not_served(client: httpx.Client) -> None:
    """The dataset's day is that of its newest answer, so a later split is not public yet."""
    rows = client.get("/stable/splits?symbol=AAPL").json()
    assert [row["date"] for row in rows] == ["2020-08-31"]


def test_errors_have_the_status_and_text_of_fmp(client: httpx.Client) -> None:
    """A wrong key gives the recorded text, an unknown path 404, and a missing symbol 400."""
    refused = client.get("/stable/splits?symbol=AAPL&apikey=wrong")
    recorded = json.loads((ROOT / "tests" / "data" / "fmp_errors" / "401_invalid_key.json").read_text())
    assert (refused.status_code, refused.json()) == (401, recorded)
    paths = ("/stable/incme-statement?symbol=AAPL", "/stable/profile-bulk?part=0", "/stable/splits")
    assert [client.get(path).status_code for path in paths] == [404, 404, 400]
    assert client.get("/stable/splits?symbol=NONE").json() == []


def test_a_cache_without_records_is_refused() -> None:
    """A server without records would look like a vendor without symbols."""
    with pytest.raises(InvalidInput, match="No answer with records to serve"):
        SampleDataset.from_cache([])


def test_the_key_is_in_no_repr() -> None:
    """The repr of a server does not contain its key."""
    dataset = SampleDataset({}, date(2021, 3, 31))
    assert "s3cr3t" not in repr(SampleServer(dataset, key="s3cr3t"))
