"""What goes over the wire and comes back: addresses, forms of answers, a server full of faults."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import httpx
import polars as pl
import pytest

from factorlab_lake.errors import BadAnswer
from factorlab_lake.providers.fmp import FmpProvider
from factorlab_lake.providers.fmp.endpoints import endpoints
from factorlab_lake.providers.fmp.settings import fmp_settings
from factorlab_lake.providers.protocol import Request
from factorlab_lake.providers.records import fields
from tests.fakes.fmp import PASSING, FakeFmp, Faults, synthetic_dataset
from tests.fakes.scripted_fmp import KEY, NOW, Script, ask, json_response, provider
from tests.support import slow_after

_ODD = ["BRK.B", "BRK/B", "0700.HK", "600519", "^GSPC", "BF-B", "A&apikey=x", "A?B#C", "A%2FB", "Ä", "A B"]


@pytest.mark.parametrize("generation", ["stable", "v3"])
@pytest.mark.parametrize("symbol", _ODD)
def test_a_symbol_stays_one_word_of_the_address(generation: str, symbol: str) -> None:
    """Whatever it is made of, it is neither another path nor another parameter."""
    script = Script(json_response([{"date": "2020-09-26"}]))
    ask(provider(script, api_generation=generation), Request("income", symbol, "annual"))
    url = script.calls[0].url
    path = url.raw_path.decode().split("?")[0]
    if generation == "v3":
        front, _, last = path.rpartition("/")
        assert front == "/api/v3/income-statement"
        assert httpx.QueryParams(f"s={last.replace('+', '%2B')}")["s"] == symbol
    else:
        assert path == "/stable/income-statement"
        assert url.params["symbol"] == symbol
    expected = {"period", "limit"} | ({"apikey"} if generation == "v3" else {"symbol"})
    assert set(url.params) == expected


@pytest.mark.parametrize("symbol", ["", " ", ".", "..", "...", "A\nB", "A\x00"])
def test_what_is_no_symbol_is_not_asked(symbol: str) -> None:
    """Dots alone would be another folder, and nothing would be everything."""
    script = Script(json_response([]))
    for generation in ("stable", "v3"):
        answer = ask(provider(script, api_generation=generation), Request("profile", symbol))
        assert answer.fault is not None
    assert script.calls == []


def test_the_base_url_may_have_a_path_of_its_own() -> None:
    """A proxy of a company's own is put before the vendor's paths."""
    script = Script(json_response([{"symbol": "AAPL"}]))
    ask(provider(script, base_url="https://proxy.test/fmp/"), Request("profile", "AAPL"))
    assert str(script.calls[0].url) == "https://proxy.test/fmp/stable/profile?symbol=AAPL"


def test_the_environments_proxy_is_used_and_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop in a company reaches the vendor; the loopback server of a test is not looked for there."""
    for name in ("HTTP_PROXY", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with FakeFmp(synthetic_dataset(["ACME"]), key=KEY) as server:
        monkeypatch.setenv("http_proxy", server.url)
        with FmpProvider(fmp_settings(api_key=KEY, base_url="http://fmp.invalid")) as fmp:
            assert ask(fmp, Request("profile", "ACME")).count == 1
        monkeypatch.setenv("no_proxy", "fmp.invalid")
        with FmpProvider(fmp_settings(api_key=KEY, base_url="http://fmp.invalid", tries=1)) as fmp:
            assert "cannot be reached" in (ask(fmp, Request("profile", "ACME")).error or "")


@pytest.mark.parametrize(
    "body",
    [
        {"symbol": "AAPL", "historical": [{"date": "2021-03-31", "close": 122.15}]},
        {"historicalStockList": [
            {"symbol": "MSFT", "historical": [{"date": "2021-03-31", "close": 235.77}]},
            {"symbol": "AAPL", "historical": [{"date": "2021-03-31", "close": 122.15}]},
        ]},
        [{"date": "2021-03-31", "close": 122.15}],
    ],
    ids=["one", "several", "flat"],
)  # fmt: skip
def test_both_wrappers_of_v3_are_opened(body: Any) -> None:
    """The records are those of the requested company only."""
    answer = ask(
        provider(Script(json_response(body)), api_generation="v3"), Request("price", "AAPL", None, NOW.date())
    )
    assert answer.records is not None
    assert answer.records.select("date", "close").rows() == [("2021-03-31", 122.15)]


def test_a_wrapper_for_another_company_is_no_answer() -> None:
    """Its bars have no symbol, and would be stored as those of the requested company."""
    body = {"symbol": "MSFT", "historical": [{"date": "2021-03-31", "close": 235.77}]}
    answer = ask(provider(Script(json_response(body)), api_generation="v3"), Request("price", "AAPL"))
    assert isinstance(answer.fault, BadAnswer)
    assert "a response for 'MSFT'" in (answer.error or "")


def test_numbers_are_not_cut_and_mixed_kinds_are_kept() -> None:
    """10, then 10.7; a boolean beside a number; a bare NaN: nothing is guessed from the first record."""
    body = b'[{"a": 10, "b": true, "c": 1, "d": NaN}, {"a": 10.7, "b": 1, "c": null, "d": 2}]'
    answer = ask(provider(Script(httpx.Response(200, content=body))), Request("profile", "AAPL"))
    assert answer.records is not None
    assert answer.records["a"].to_list() == [10.0, 10.7]
    assert answer.records["b"].to_list() == ["true", "1"]


def test_endpoints_of_both_generations_offer_the_same_datasets() -> None:
    """But for bars as traded and changes of symbols, which the old generation does not have."""
    assert set(endpoints("stable")) - set(endpoints("v3")) == {"price_unadjusted", "symbol_change"}
    assert set(endpoints("v3")) <= set(endpoints("stable"))


@pytest.mark.parametrize("generation", ["stable", "v3"])
def test_every_endpoint_has_its_fields(generation: str) -> None:
    """Every dataset has a field map, else its fields would go to ``extra``; ratios stay JSON."""
    assert [d for d in endpoints(generation) if d != "ratios" and not fields(d, generation)] == []


def _everything(fmp: FmpProvider, names: Sequence[str]) -> list[pl.DataFrame]:
    requests = [
        Request(dataset, name, period, None if dataset == "profile" else date(2019, 1, 1))
        for name in names
        for dataset, offer in fmp.datasets.items()
        for period in offer.periods or (None,)
    ]
    with ThreadPoolExecutor(16) as pool:
        answers = [a for each in pool.map(fmp.answer, fmp.plan(requests)) for a in each]
    assert [a.error for a in answers if a.fault] == []
    return [a.records.unique(maintain_order=True) for a in answers if a.records is not None]


@pytest.mark.parametrize("generation", slow_after(1, ["stable", "v3"]))
def test_a_fifth_of_all_answers_being_faults_changes_nothing(generation: str) -> None:
    """Every dataset of twenty companies, sixteen threads, every fault that passes: the same records."""
    dataset = synthetic_dataset(20)
    found_: list[list[pl.DataFrame]] = []
    for rate in (0.0, 0.2):
        faults = Faults(rate=rate, seed=7)
        with FakeFmp(dataset, key=KEY, faults=faults, retry_after_s=0.01, delay_s=0.01) as server:
            settings = fmp_settings(
                api_key=KEY, base_url=server.url, api_generation=generation, calls_per_minute=100_000,
                retry_wait_s=0.001, bulk_saves=0,
            )  # fmt: skip
            with FmpProvider(settings) as fmp:
                found_.append(_everything(fmp, dataset.symbols))
        counts = server.fault_counts
    assert set(counts) == set(PASSING)
    assert all(a.equals(b) for a, b in zip(*found_, strict=True))
