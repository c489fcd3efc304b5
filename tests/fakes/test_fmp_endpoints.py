from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from factorlab_lake.ingest.legacy_cache.reader import read, scan
from factorlab_lake.providers.records import fields
from tests.fakes.fmp import FakeDataset
from tests.fakes.fmp_client import STATEMENTS, SYMBOLS, csv_of, rows_of, sent_fields, serving
from tests.support import CACHE_2021, ROOT, entries_of

RECORDED = ROOT / "tests" / "data" / "fmp_errors"
UNADJUSTED = {"symbol", "date", "adjOpen", "adjHigh", "adjLow", "adjClose", "volume"}
# Every path for one symbol, in both generations.
PATHS = {
    **{f"/api/v3/{path}/{{}}": path for path in STATEMENTS.values()},
    **{f"/stable/{path}?symbol={{}}": path for path in STATEMENTS.values()},
    "/api/v3/ratios/{}": "ratios",
    "/api/v3/historical-price-full/{}": "price",
    "/api/v3/historical-price-full/stock_split/{}": "split",
    "/api/v3/historical-price-full/stock_dividend/{}": "dividend",
    "/api/v3/profile/{}": "profile",
    "/api/v3/historical-market-capitalization/{}": "market_cap",
    "/stable/ratios?symbol={}": "ratios",
    "/stable/historical-price-eod/full?symbol={}": "price",
    "/stable/historical-price-eod/non-split-adjusted?symbol={}": "price",
    "/stable/historical-price-eod/dividend-adjusted?symbol={}": "price",
    "/stable/splits?symbol={}": "split",
    "/stable/dividends?symbol={}": "dividend",
    "/stable/profile?symbol={}": "profile",
    "/stable/historical-market-capitalization?symbol={}": "market_cap",
}


@pytest.fixture(scope="module")
def client() -> Any:
    """A client of a server that nothing goes wrong at."""
    with serving() as (_, client):
        yield client


@pytest.mark.parametrize("dataset", STATEMENTS)
@pytest.mark.parametrize(
    ("generation", "path"), [("v3", "/api/v3/{}/M000?"), ("stable", "/stable/{}?symbol=M000&")]
)
def test_statements_have_the_fields_of_their_generation(
    client: httpx.Client, dataset: str, generation: str, path: str
) -> None:
    """Quarters and years are sent apart, newest first, with exactly the fields that the field maps know."""
    place = path.format(STATEMENTS[dataset])
    quarters, years = (rows_of(client.get(f"{place}period={period}")) for period in ("quarter", "annual"))
    assert {row["period"] for row in quarters} == {"Q1", "Q2", "Q3", "Q4"}
    assert {row["period"] for row in years} == {"FY"}
    assert all(set(row) == sent_fields(dataset, generation) for row in quarters + years)
    assert [row["date"] for row in quarters] == sorted({row["date"] for row in quarters}, reverse=True)
    assert rows_of(client.get(place)) == years
    assert rows_of(client.get(f"{place}period=quarter&limit=3")) == quarters[:3]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v3/historical-price-full/M000", sent_fields("price", "v3")),
        ("/stable/historical-price-eod/full?symbol=M000", sent_fields("price", "stable")),
        ("/stable/historical-price-eod/non-split-adjusted?symbol=M000", UNADJUSTED),
        ("/stable/historical-price-eod/dividend-adjusted?symbol=M000", UNADJUSTED),
        ("/api/v3/historical-price-full/stock_split/M000", sent_fields("split", "v3")),
        ("/stable/splits?symbol=M000", sent_fields("split", "stable")),
        ("/api/v3/historical-price-full/stock_dividend/M000", sent_fields("dividend", "v3")),
        ("/stable/dividends?symbol=M000", sent_fields("dividend", "stable")),
        ("/api/v3/profile/M000", sent_fields("profile", "v3")),
        ("/stable/profile?symbol=M000", sent_fields("profile", "stable")),
        ("/api/v3/historical-market-capitalization/M000", {"symbol", "date", "marketCap"}),
        ("/stable/historical-market-capitalization?symbol=M000", {"symbol", "date", "marketCap"}),
    ],
)
def test_the_other_endpoints_have_the_fields_of_their_generation(
    client: httpx.Client, path: str, expected: set[str]
) -> None:
    """Every row has exactly the fields that were recorded of its endpoint."""
    rows = rows_of(client.get(path))
    assert rows
    assert all(set(row) == expected for row in rows)


def test_ratios_have_the_names_of_their_generation(client: httpx.Client) -> None:
    """The two generations call a price-earnings ratio differently, and only the newer one has a currency."""
    old, new = (rows_of(client.get(p))[0] for p in ("/api/v3/ratios/M000", "/stable/ratios?symbol=M000"))
    assert old["priceEarningsRatio"] == new["priceToEarningsRatio"]
    assert {"calendarYear"} == {"calendarYear", "fiscalYear", "reportedCurrency"} & set(old)
    assert {"fiscalYear", "reportedCurrency"} == {"calendarYear", "fiscalYear", "reportedCurrency"} & set(new)
    assert "filingDate" not in new


@pytest.mark.parametrize(
    "path", ["/api/v3/historical-price-full/M000?", "/stable/historical-price-eod/full?symbol=M000&",
             "/stable/historical-market-capitalization?symbol=M000&"],
)  # fmt: skip
def test_ranges_are_honoured_at_both_ends(client: httpx.Client, path: str) -> None:
    """`from` and `to` are inclusive, and rows come newest first."""
    days = [row["date"] for row in rows_of(client.get(f"{path}from=2020-03-02&to=2020-03-05"))]
    assert days == ["2020-03-05", "2020-03-04", "2020-03-03", "2020-03-02"]


def test_v3_puts_histories_into_objects(client: httpx.Client) -> None:
    """One symbol comes as an object, several in a list of them; those that are not known are left out."""
    one = client.get("/api/v3/historical-price-full/M000?from=2021-03-31").json()
    assert (one["symbol"], len(one["historical"])) == ("M000", 1)
    several = client.get("/api/v3/historical-price-full/M000,NONE,M001?from=2021-03-31").json()
    assert [each["symbol"] for each in several["historicalStockList"]] == ["M000", "M001"]
    assert several["historicalStockList"][0] == one


def test_unadjusted_prices_are_as_they_were_traded(client: httpx.Client) -> None:
    """M003 was split 4:1 on 2021-01-18: before it the price seen was four times the adjusted one."""
    days = "symbol=M003&from=2021-01-15&to=2021-01-18"
    adjusted = rows_of(client.get(f"/stable/historical-price-eod/full?{days}"))
    traded = rows_of(client.get(f"/stable/historical-price-eod/non-split-adjusted?{days}"))
    assert [t["adjClose"] / a["close"] for t, a in zip(traded, adjusted, strict=True)] == pytest.approx(
        [1, 4]
    )
    assert [t["volume"] / a["volume"] for t, a in zip(traded, adjusted, strict=True)] == [1, 0.25]


def test_dividends_are_taken_off_in_the_dividend_adjusted_prices(client: httpx.Client) -> None:
    """On the last day the two prices are equal; before the dividends the adjusted one is lower."""
    adjusted = rows_of(client.get("/stable/historical-price-eod/dividend-adjusted?symbol=M000"))
    plain = rows_of(client.get("/stable/historical-price-eod/full?symbol=M000"))
    assert adjusted[0]["adjClose"] == plain[0]["close"]
    paid = len(rows_of(client.get("/stable/dividends?symbol=M000")))
    assert paid == 9
    assert adjusted[-1]["adjClose"] < 0.99 * plain[-1]["close"]


@pytest.mark.parametrize("dataset", STATEMENTS)
def test_bulk_statements_look_as_at_the_vendor(client: httpx.Client, dataset: str) -> None:
    """A mark of byte order, spaces and a comma too many in the header, all in quotes, the last row twice."""
    answer = client.get(f"/stable/{STATEMENTS[dataset]}-bulk?year=2020&period=Q1")
    text = answer.content.decode()
    head, *lines = text.splitlines()
    assert head.startswith('\ufeff"date", "symbol", ')
    assert head.endswith('",')
    assert all(line.startswith('"') and line.endswith('"') for line in lines)
    header, rows = csv_of(answer)
    assert set(header) - {""} == sent_fields(dataset, "stable")
    assert rows[-1] == rows[-2]
    assert sorted(row[1] for row in rows[:-1]) == sorted(SYMBOLS)
    singly = rows_of(client.get(f"/stable/{STATEMENTS[dataset]}?symbol={rows[0][1]}&period=Q1"))
    same = next(row for row in singly if row["fiscalYear"] == "2020")
    assert rows[0] == [str(same[field]) for field in header[:-1]]


def test_bulk_profiles_come_in_parts(client: httpx.Client) -> None:
    """The first part holds all of these few symbols, the next one none."""
    header, rows = csv_of(client.get("/stable/profile-bulk?part=0"))
    assert set(header) - {""} == sent_fields("profile", "stable")
    assert {row[header.index("symbol")] for row in rows} == set(SYMBOLS)
    assert rows[0][header.index("isEtf")] == "false"
    assert csv_of(client.get("/stable/profile-bulk?part=1"))[1] == []


def test_bulk_prices_are_those_of_a_day(client: httpx.Client) -> None:
    """A row per symbol, equal to what is answered for each; none on a Sunday."""
    header, rows = csv_of(client.get("/stable/eod-bulk?date=2021-03-30"))
    assert header[:-1] == ["symbol", "date", "open", "low", "high", "close", "adjClose", "volume"]
    singly = rows_of(
        client.get(f"/stable/historical-price-eod/full?symbol={rows[0][0]}&to=2021-03-30&limit=1")
    )
    assert (rows[0][1], rows[0][5]) == ("2021-03-30", str(singly[0]["close"]))
    assert {row[0] for row in rows} == set(SYMBOLS)
    assert csv_of(client.get("/stable/eod-bulk?date=2021-03-28"))[1] == []


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_symbol_is_an_empty_list(client: httpx.Client, path: str) -> None:
    """The vendor knows no such symbol, and says so with 200 and nothing in it."""
    answer = client.get(path.format("NONE"))
    assert (answer.status_code, answer.text) == (200, (RECORDED / "200_empty.json").read_text().strip())


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("symbol", ["BRK.B", "BRK%2EB"])
def test_every_path_serves_symbols_with_signs_in_them(client: httpx.Client, path: str, symbol: str) -> None:
    """A symbol may be sent encoded or plain."""
    assert rows_of(client.get(path.format(symbol)))


def test_what_is_not_served_is_said_by_the_status(client: httpx.Client) -> None:
    """A path of neither generation is 404, one that lacks its symbol 400."""
    paths = ("/stable/incme-statement?symbol=M000", "/api/v3/splits/M000", "/", "/stable/profile")
    assert [client.get(path).status_code for path in paths] == [404, 404, 404, 400]


@pytest.mark.parametrize(("headers", "query"), [({}, ""), ({"apikey": "wrong"}, ""), ({}, "&apikey=wrong")])
def test_without_the_key_there_is_no_answer(headers: dict[str, str], query: str) -> None:
    """A missing or wrong key is refused in the vendor's words, whatever is asked."""
    with serving() as (server, _):
        answer = httpx.get(f"{server.url}/stable/profile?symbol=M000{query}", headers=headers)
        assert (answer.status_code, answer.json()) == (401, _recorded("401_invalid_key.json"))


@pytest.mark.parametrize("way", ["header", "parameter"])
def test_the_key_is_taken_both_ways_and_never_noted(way: str) -> None:
    """A key in the header or in the query opens the door; the log of requests and the repr hold neither."""
    secret = "s3cr3t-k3y"
    with serving(key=secret) as (server, _):
        query = {"symbol": "M000"} | ({"apikey": secret} if way == "parameter" else {})
        headers = {"apikey": secret} if way == "header" else {}
        assert httpx.get(f"{server.url}/stable/profile", params=query, headers=headers).status_code == 200
        assert server.requests[0].parameters == {"symbol": "M000"}
        assert secret not in repr(server.requests) + repr(server)


def test_the_sample_is_served_as_it_lies_in_the_cache() -> None:
    """In v3 every record of the clean cache comes back as it is; in stable, under that generation's names."""
    sample = FakeDataset.from_cache([read(file) for file in scan(CACHE_2021)])
    records_by_key = {
        (dataset, symbol): records
        for path, envelope in entries_of(CACHE_2021)
        for dataset, symbol, records in [_entry(path, envelope)]
        if "limit60" in path or dataset == "price"
    }
    with serving(sample) as (_, client):
        for (dataset, symbol), records in records_by_key.items():
            old, new = _both(client, dataset, symbol)
            assert [_present(row) for row in old] == [_present(row) for row in records]
            assert [_columns(row, dataset, "stable") for row in new] == [
                _columns(row, dataset, "v3", "stable") for row in records
            ]


def _entry(path: str, envelope: dict[str, Any]) -> tuple[str, str, list[dict[str, Any]]]:
    kinds = {"income_statements": "income", "balance_sheets": "balance_sheet", "cash_flows": "cash_flow"}
    return (
        kinds.get(path.split("/", maxsplit=1)[0], "price"),
        path.split("/")[1].split("_", maxsplit=1)[0],
        envelope["data"],
    )


def _both(client: httpx.Client, dataset: str, symbol: str) -> tuple[list[Any], list[Any]]:
    if dataset == "price":
        return (
            rows_of(client.get(f"/api/v3/historical-price-full/{symbol}")),
            rows_of(client.get(f"/stable/historical-price-eod/full?symbol={symbol}")),
        )
    path = STATEMENTS[dataset]
    return (
        rows_of(client.get(f"/api/v3/{path}/{symbol}?period=quarter&limit=60")),
        rows_of(client.get(f"/stable/{path}?symbol={symbol}&period=quarter&limit=60")),
    )


def _present(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def _columns(row: dict[str, Any], dataset: str, generation: str, kept: str = "") -> dict[str, Any]:
    """Return a row in the lake's columns, those alone that the other generation has."""
    known, also = fields(dataset, generation), set(fields(dataset, kept or generation).values())
    columns = {known[name]: value for name, value in _present(row).items() if known[name] in also}
    return {name: value for name, value in columns.items() if name != "symbol"}


def _recorded(name: str) -> Any:
    return json.loads((RECORDED / name).read_text())
