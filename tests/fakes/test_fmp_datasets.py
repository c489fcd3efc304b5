from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.legacy_cache.reader import read, scan
from factorlab_lake.schema import STATEMENT_TYPES, line_items
from tests.fakes.fmp import FakeDataset, synthetic_dataset
from tests.fakes.fmp_client import TODAY, bars, rows_of, serving
from tests.support import CACHE_2019, CACHE_2021, answer, income

INCOME = "/api/v3/income-statement/AAPL?period=quarter"
PRICES = "/api/v3/historical-price-full/AAPL"
SPLITS = [{"symbol": "AAPL", "date": "2020-08-31", "numerator": "4", "denominator": "1"}]


def sample(cache: Any) -> FakeDataset:
    """Return the dataset of a clean sample, with AAPL's split."""
    return FakeDataset.from_cache([read(file) for file in scan(cache, ["AAPL"])], SPLITS)


def test_the_newer_sample_seen_from_the_older_day_is_the_older_sample() -> None:
    """Undoing the 4:1 split gives the prices, volumes and share counts that were served before it."""
    with serving(sample(CACHE_2021).at(date(2019, 12, 31))) as (_, client):
        seen = _figures(client)
    with serving(sample(CACHE_2019)) as (_, client):
        served = _figures(client)
    assert seen.keys() == served.keys()
    assert len(seen) > 2500
    # The newer prices are rounded to four decimals; times four, that can have cost 0.0002.
    assert all(seen[key] == pytest.approx(served[key], rel=1e-4, abs=3e-4) for key in served)


def _figures(client: httpx.Client) -> dict[tuple[str, str], list[float]]:
    figures = {}
    for row in rows_of(client.get(PRICES)):
        figures["price", row["date"]] = [row[n] for n in ("open", "high", "low", "close", "volume")]
    for row in rows_of(client.get(INCOME)):
        shares = [row[n] for n in ("weightedAverageShsOut", "weightedAverageShsOutDil", "eps", "revenue")]
        figures["income", row["date"]] = shares
    return figures


def test_a_running_server_moves_forward_in_time() -> None:
    """Records after today are absent; a day later the new ones appear."""
    dataset = sample(CACHE_2021)
    with serving(dataset.at(date(2021, 1, 26))) as (server, client):
        before = rows_of(client.get(INCOME)), rows_of(client.get(PRICES))
        server.dataset = dataset.at(date(2021, 1, 27))
        after = rows_of(client.get(INCOME)), rows_of(client.get(PRICES))
    assert [len(rows) for rows in after] == [len(rows) + 1 for rows in before]
    assert after[0][0]["acceptedDate"] == "2021-01-27 18:03:06"
    assert (after[0][1:], after[1][1:]) == before


def test_a_split_rebases_all_that_was_served_before_it() -> None:
    """On the ex-date old prices are quartered and old volumes and share counts are four times as many."""
    made = {
        ("price", "AAPL"): bars(("2020-08-28", 500.0), ("2020-08-31", 129.0)),
        ("income", "AAPL"): [income(acceptedDate="2020-07-30", weightedAverageShsOut=4_000, eps=2.0)],
        ("dividend", "AAPL"): [{"date": "2020-08-07", "adjDividend": 0.82, "dividend": 0.82}],
        ("split", "AAPL"): [{"date": "2020-08-31", "numerator": 4, "denominator": 1}],
    }  # fmt: skip
    dataset = FakeDataset.of(made, date(2020, 8, 31), basis=date(2020, 8, 30))
    with serving(dataset.at(date(2020, 8, 30))) as (server, client):
        assert [row["close"] for row in rows_of(client.get(PRICES))] == [500]
        assert rows_of(client.get("/stable/splits?symbol=AAPL")) == []
        server.dataset = dataset
        rows = rows_of(client.get(PRICES))
        assert [(row["close"], row["volume"]) for row in rows] == [(32.25, 4000), (125, 4000)]
        [statement] = rows_of(client.get(INCOME))
        assert (statement["weightedAverageShsOut"], statement["eps"]) == (16_000, 0.5)
        assert statement["netIncome"] == 12673000000
        [paid] = rows_of(client.get("/stable/dividends?symbol=AAPL"))
        assert (paid["dividend"], paid["adjDividend"]) == (0.82, 0.205)


def test_unadjusted_prices_do_not_depend_on_the_day_they_are_seen_from() -> None:
    """Before M003's splits and after them, the price and the volume of a day are those that were traded."""
    late = synthetic_dataset(["M003"])
    then = {bar["date"]: bar for bar in late.at(date(2020, 3, 1)).records("price_unadjusted", "M003")}
    now = {bar["date"]: bar for bar in late.records("price_unadjusted", "M003")}
    assert len(then) > 300
    for day, bar in then.items():
        assert [bar["close_price"], bar["volume"]] == pytest.approx(
            [now[day]["close_price"], now[day]["volume"]]
        )


def test_adjusted_closes_know_no_dividend_to_come() -> None:
    """On every day the newest bar's adjusted close is its close; later dividends lower what came before."""
    dataset = synthetic_dataset(["M000"])
    for today in (date(2019, 6, 28), date(2020, 2, 28), TODAY):
        newest = dataset.at(today).records("price", "M000")[0]
        assert newest["adjusted_close"] == newest["close_price"]
    earlier = dataset.at(date(2020, 9, 30)).records("price", "M000")
    assert earlier[-1]["adjusted_close"] < earlier[-1]["close_price"]


def test_of_a_period_the_version_accepted_last_is_served() -> None:
    """Before the restatement the first figures are served, after it the second, under the same period."""
    first = income(acceptedDate="2020-10-29 18:06:25", revenue=100)
    second = income(acceptedDate="2021-02-01 16:30:00", revenue=90)
    dataset = FakeDataset.of({("income", "AAPL"): [second, first]}, TODAY)
    with serving(dataset.at(date(2021, 1, 31))) as (server, client):
        assert [row["revenue"] for row in rows_of(client.get(INCOME))] == [100]
        server.dataset = dataset
        assert [row["revenue"] for row in rows_of(client.get(INCOME))] == [90]


def test_records_may_be_put_into_a_dataset() -> None:
    """New records replace those of one dataset and symbol; the original does not change."""
    dataset = synthetic_dataset(["M000"])
    changed = dataset.put("price", "M000", bars(("2021-03-31", 7.0))).put(
        "split", "NEW", [{"symbol": "NEW", "date": "2021-03-31", "numerator": 2, "denominator": 1}]
    )
    assert [bar["close_price"] for bar in changed.records("price", "M000")] == [7]
    assert changed.symbols == ["M000", "NEW"]
    assert changed.records("income", "M000") == dataset.records("income", "M000")
    assert len(dataset.records("price", "M000")) > 500


def test_fields_that_have_no_column_are_sent_in_their_generation_alone() -> None:
    """A field without a column is served unchanged, and only by its own generation."""
    dataset = FakeDataset.of({("income", "AAPL"): [income(newItem=5)]}, TODAY)
    with serving(dataset) as (_, client):
        assert rows_of(client.get(INCOME))[0]["newItem"] == 5
        assert "newItem" not in rows_of(client.get("/stable/income-statement?symbol=AAPL&period=quarter"))[0]


def test_a_world_may_be_of_the_newer_generation() -> None:
    """Records with the fields of stable are served with those of v3 too."""
    dataset = FakeDataset.of(
        {("income", "AAPL"): [{"date": "2020-09-26", "period": "FY", "epsDiluted": 3.28, "ebit": 1}]},
        TODAY,
        generation="stable",
    )
    with serving(dataset) as (_, client):
        expected = {"date": "2020-09-26", "period": "FY", "epsdiluted": 3.28}
        assert rows_of(client.get("/api/v3/income-statement/AAPL")) == [expected]


def test_of_overlapping_answers_the_one_fetched_last_counts() -> None:
    """A cache has a quarter several times; the dataset has it once, as served last."""
    later = datetime(2021, 4, 30, 20, tzinfo=UTC)
    dataset = FakeDataset.from_cache([
        answer("income", [income(revenue=2)], at=later),
        answer("income", [income(revenue=1), income("2020-06-27", "Q3", acceptedDate="2020-07-30 16:30:00")]),
    ])  # fmt: skip
    assert [(r["fiscal_date"], r["revenue"]) for r in dataset.records("income", "AAPL")] == [
        ("2020-09-26", 2), ("2020-06-27", 64698000000),
    ]  # fmt: skip
    assert dataset.today == date(2021, 4, 30)


def test_a_cache_without_records_makes_no_dataset() -> None:
    """An empty dataset raises: it would look like a vendor without symbols."""
    with pytest.raises(InvalidInput, match="No answer with records to serve"):
        FakeDataset.from_cache([])


def test_made_companies_depend_on_seed_and_name_alone() -> None:
    """The same company whichever others are made with it; another seed makes another."""
    alone, among = synthetic_dataset(["M007"]), synthetic_dataset(20)
    for name in ("income", "price", "profile", "dividend"):
        assert alone.records(name, "M007") == among.records(name, "M007")
    assert synthetic_dataset(["M007"], seed=2).records("price", "M007") != alone.records("price", "M007")


@pytest.mark.parametrize("statement", STATEMENT_TYPES)
def test_years_of_made_companies_are_the_sums_of_their_quarters(statement: str) -> None:
    """Every flow of every year is the sum of the four quarters of that fiscal year, a quarter apart."""
    flows = [c.name for c in line_items(statement) if c.additive == "flow"]
    for symbol in (dataset := synthetic_dataset(6)).symbols:
        records = dataset.records(statement, symbol)
        for year in [r for r in records if r["fiscal_period"] == "FY"]:
            quarters = [
                r for r in records if r["fiscal_year"] == year["fiscal_year"] and r["fiscal_period"] != "FY"
            ]
            assert [r["fiscal_period"] for r in quarters] == ["Q4", "Q3", "Q2", "Q1"]
            assert quarters[0]["fiscal_date"] == year["fiscal_date"]
            days = [date.fromisoformat(r["fiscal_date"]) for r in quarters]
            assert all(timedelta(88) <= later - earlier <= timedelta(93) for later, earlier in pairwise(days))
            for name in flows:
                if name not in ("cash_at_beginning_of_period", "cash_at_end_of_period"):
                    assert year[name] == sum(r[name] for r in quarters), name


def test_the_statements_of_made_companies_agree() -> None:
    """Assets are debts and equity, net income is one figure, and cash ends where the next quarter begins."""
    dataset = synthetic_dataset(6)
    for symbol in dataset.symbols:
        sheets, flows, incomes = (
            [r for r in dataset.records(s, symbol) if r["fiscal_period"] != "FY"]
            for s in ("balance_sheet", "cash_flow", "income")
        )
        for sheet, flow, earned in zip(sheets, flows, incomes, strict=True):
            assert sheet["total_assets"] == sheet["total_liabilities"] + sheet["total_stockholders_equity"]
            assert flow["net_income"] == earned["net_income"]
            assert sheet["cash_and_cash_equivalents"] == max(0, flow["cash_at_end_of_period"])
            assert earned["gross_profit"] == earned["revenue"] - earned["cost_of_revenue"]
        assert all(
            later["cash_at_beginning_of_period"] == earlier["cash_at_end_of_period"]
            for later, earlier in pairwise(flows)
        )


def test_no_made_filing_is_accepted_before_its_period_ends() -> None:
    """Every statement becomes public 30 to 60 days after its period, and none is served before that."""
    dataset = synthetic_dataset(10)
    for symbol in dataset.symbols:
        for record in dataset.records("income", symbol):
            waited = date.fromisoformat(record["filing_date"]) - date.fromisoformat(record["fiscal_date"])
            assert timedelta(30) <= waited <= timedelta(60)
            assert record["accepted_at"][:10] == record["filing_date"] <= dataset.today.isoformat()


def test_market_caps_of_made_companies_are_prices_times_shares() -> None:
    """On every day, before and after splits, whatever the day they are seen from."""
    for dataset in (synthetic_dataset(["M003"]), synthetic_dataset(["M003"]).at(date(2020, 3, 1))):
        shares = dataset.records("income", "M003")[0]["weighted_average_shares_outstanding"]
        closes = {bar["date"]: bar["close_price"] for bar in dataset.records("price", "M003")}
        caps = dataset.records("market_cap", "M003")
        assert len(caps) == len(closes) > 300
        assert all(cap["market_cap"] == pytest.approx(closes[cap["date"]] * shares, rel=1e-4) for cap in caps)


def test_what_is_sent_is_strict_json() -> None:
    """No answer holds a bare NaN or an infinity."""
    with serving() as (_, client):
        for path in ("ratios", "income-statement", "profile", "dividends", "historical-price-eod/full"):
            text = client.get(f"/stable/{path}?symbol=M000").text
            assert json.loads(text, parse_constant=pytest.fail)


def test_numbers_are_sent_as_the_vendor_writes_them() -> None:
    """Floats that are whole lose their point, and what is no number is null: the old cache holds both."""
    dataset = FakeDataset.of(
        {("income", "AAPL"): [income(revenue=5.0, eps=float("nan"), netIncome=2.5)]}, TODAY
    )
    with serving(dataset) as (_, client):
        text = client.get(INCOME).text
    assert '"revenue":5,' in text
    assert '"netIncome":2.5,' in text
    assert '"eps":null,' in text
