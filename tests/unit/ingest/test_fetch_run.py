"""Test a fetch with a provider in memory."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, KeyRefused, NotInPlan, Unavailable
from factorlab_lake.ingest import run
from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.providers.protocol import Offer, Request
from factorlab_lake.storage import layout as layouts
from factorlab_lake.storage.commits import transaction
from tests.support import bar, income
from tests.unit.ingest.scripted_provider import Records, ScriptedProvider

FIRST = datetime(2021, 3, 26, 23, tzinfo=UTC)


def records(*symbols: str) -> Records:
    """Return a quarter, two bars and a profile of each symbol."""
    served: Records = {}
    for symbol in symbols:
        served["price", symbol, None] = [bar("2021-03-25", 100.0), bar("2021-03-26", 101.0)]
        served["income", symbol, "quarterly"] = [income(symbol=symbol)]
        served["profile", symbol, None] = [{"symbol": symbol, "companyName": f"{symbol} Inc."}]
    return served


def closes(lake: fl.Lake) -> dict[tuple[str, str], float]:
    """Return the lake's closes by symbol and day."""
    rows = lake.sql("SELECT symbol, date::VARCHAR AS day, close_price FROM price_data").iter_rows()
    return {(symbol, day): close for symbol, day, close in rows}


def test_a_fetch_merges_the_answers_and_requests_nothing_twice(tmp_path: Path) -> None:
    """A second fetch right after the first has nothing due."""
    lake, provider = fl.open(tmp_path / "lake"), ScriptedProvider(records("AAPL", "MSFT"))
    report = lake.fetch(provider, ["AAPL", "MSFT"])
    assert report.clean
    assert report.new == {
        "income_statements": 2,
        "price_data": 4,
        "company_profiles": 2,
        "profile_history": 2,
    }
    assert (report.calls, report.calls_planned, report.requests) == (20, 20, 20)
    assert closes(lake)["MSFT", "2021-03-26"] == 101.0
    again = lake.fetch(provider, ["AAPL", "MSFT"])
    assert (again.requests, again.snapshot_after) == (0, report.snapshot_after)


def test_progress_reports_the_calls_and_then_the_commit(tmp_path: Path) -> None:
    """After the last call, the batch is merged and committed; readers see it after the last step."""
    lake, reports = fl.open(tmp_path / "lake"), list[dict[str, Any]]()

    def progress(**state: Any) -> None:
        reports.append(state | {"snapshot": lake.refresh().snapshot.id})

    lake.fetch(ScriptedProvider(records("AAPL")), "AAPL", kinds="prices", progress=progress)
    assert [r["step"] for r in reports] == ["fetching", "merging", "committing"]
    assert {(r["calls_done"], r["calls_total"], r["snapshot"]) for r in reports} == {(1, 1, 0)}
    assert [r["records"] for r in reports] == [0, 2, 2]  # a result is counted with its batch
    assert lake.snapshot.id == 1


def test_a_plan_makes_no_call(tmp_path: Path) -> None:
    """A dry run returns the number of due calls and their duration by the provider's limit."""
    lake, provider = fl.open(tmp_path / "lake"), ScriptedProvider(records("AAPL"), calls_per_minute=30)
    planned = lake.plan_fetch(provider, "AAPL", kinds="prices")
    assert (planned.calls_planned, planned.planned_s, planned.calls) == (1, 2.0, 0)
    assert provider.requests == []
    assert lake.snapshot.id == 0


def test_one_request_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    """A failure is in the report and in the log, and the next fetch requests it again."""

    def faults(request: Request) -> NotInPlan | None:
        refused = (request.symbol, request.dataset) == ("AAPL", "price")
        return NotInPlan("the plan does not cover AAPL") if refused else None

    lake, provider = fl.open(tmp_path / "lake"), ScriptedProvider(records("AAPL", "MSFT"), faults=faults)
    report = lake.fetch(provider, ["AAPL", "MSFT"])
    assert report.failures == [("AAPL", "price", "NotInPlan", "the plan does not cover AAPL")]
    assert not report.clean
    assert {symbol for symbol, _ in closes(lake)} == {"MSFT"}
    assert lake.sql("SELECT symbol, data_type FROM data_fetch_log WHERE NOT success").rows() == [
        ("AAPL", "price_data")
    ]
    provider.faults = lambda _: None
    provider.requests.clear()
    assert lake.fetch(provider, ["AAPL", "MSFT"]).clean
    assert provider.requests == [Request("price", "AAPL")]


def test_a_refused_key_ends_the_run(tmp_path: Path) -> None:
    """A refused key is not retried for every symbol; the answers received before it are committed."""

    def faults(request: Request) -> KeyRefused | None:
        return KeyRefused("the key is refused") if request.symbol != "A0" else None

    symbols = [f"A{i}" for i in range(60)]
    lake, provider = fl.open(tmp_path / "lake"), ScriptedProvider(records(*symbols), faults=faults)
    report = lake.fetch(provider, symbols)
    assert report.stopped == "the key is refused"
    assert {symbol for symbol, _ in closes(lake)} == {"A0"}
    assert len(provider.requests) < 300


def test_an_unknown_symbol_is_a_failure_and_a_fund_without_statements_is_not(tmp_path: Path) -> None:
    """An empty answer is a failure only if the provider has no data at all for the symbol."""
    served = records("SPY")
    del served["income", "SPY", "quarterly"]
    lake = fl.open(tmp_path / "lake")
    report = lake.fetch(ScriptedProvider(served), ["SPY", "NOPE"])
    assert {symbol for symbol, *_ in report.failures} == {"NOPE"}
    assert {kind for *_, kind, _ in report.failures} == {"EmptyAnswer"}
    assert {(symbol, dataset) for symbol, dataset, _ in report.empty} == {
        ("SPY", d) for d in ("income", "balance_sheet", "cash_flow")
    }


def test_an_unknown_symbol_is_requested_again_and_a_fund_is_not(tmp_path: Path) -> None:
    """Missing statements of a fund are not requested again at the next fetch."""
    served = records("SPY")
    del served["income", "SPY", "quarterly"]
    lake, provider = fl.open(tmp_path / "lake"), ScriptedProvider(served)
    lake.fetch(provider, ["SPY", "NOPE"])
    provider.requests.clear()
    lake.fetch(provider, ["SPY", "NOPE"])
    assert {r.symbol for r in provider.requests} == {"NOPE"}


def _later(served: Records, *bars: dict[str, Any]) -> Records:
    return served | {("price", "AAPL", None): list(bars)}


def test_an_adjusted_history_fetches_its_split(tmp_path: Path) -> None:
    """When a new bar is at half the stored price, the fetch requests splits at once."""
    lake, provider = fl.open(tmp_path / "lake"), ScriptedProvider(records("AAPL"), FIRST)
    lake.fetch(provider, "AAPL")
    adjusted = [
        bar(d, c / 2) for d, c in (("2021-03-25", 100.0), ("2021-03-26", 101.0), ("2021-03-29", 104.0))
    ]
    provider.records = _later(records("AAPL"), *adjusted)
    provider.records["split", "AAPL", None] = [{"date": "2021-03-29", "numerator": 2, "denominator": 1}]
    provider.now = datetime(2021, 3, 29, 23, tzinfo=UTC)
    provider.requests.clear()
    report = lake.fetch(provider, "AAPL", kinds="prices")
    assert report.split_detected == ["AAPL"]
    assert [r.dataset for r in provider.requests] == ["price", "split"]
    assert lake.sql("SELECT date::VARCHAR, numerator FROM splits").rows() == [("2021-03-29", 2.0)]
    kinds = lake.sql("SELECT change_kind FROM price_revisions")["change_kind"]
    assert kinds.to_list() == ["split_rebase"] * 2


def test_a_jump_of_the_close_fetches_the_split(tmp_path: Path) -> None:
    """A fall by half within the new bars requests splits, before a market cap is wrong."""
    lake, provider = fl.open(tmp_path / "lake"), ScriptedProvider(records("AAPL"), FIRST)
    lake.fetch(provider, "AAPL")
    provider.records = _later(records("AAPL"), bar("2021-03-26", 101.0), bar("2021-03-29", 52.0))
    provider.records["split", "AAPL", None] = [{"date": "2021-03-29", "numerator": 2, "denominator": 1}]
    provider.now = datetime(2021, 3, 29, 23, tzinfo=UTC)
    provider.requests.clear()
    lake.fetch(provider, "AAPL", kinds="prices")
    assert [r.dataset for r in provider.requests] == ["price", "split"]
    before, after = lake.prices("AAPL", "2021-03-26", "2021-03-29", adjusted=True)["close_price"]
    assert (before, after) == (50.5, 52.0)


def test_bars_on_both_bases_give_the_same_market_cap(tmp_path: Path) -> None:
    """Unadjusted and split-adjusted prices give the same market caps; each has its own basis."""
    served = records("AAPL")
    served["split", "AAPL", None] = [{"date": "2021-03-26", "numerator": 2, "denominator": 1}]
    served["price", "AAPL", None] = [bar("2021-03-25", 100.0), bar("2021-03-26", 101.0)]
    names = {"date": "date", "adjClose": "close", "adjOpen": "open", "adjHigh": "high", "adjLow": "low"}
    raw = [bar("2021-03-25", 200.0), bar("2021-03-26", 101.0)]
    served["price_unadjusted", "AAPL", None] = [{k: r[v] for k, v in names.items()} for r in raw]
    adjusted, traded = fl.open(tmp_path / "adjusted"), fl.open(tmp_path / "traded")
    adjusted.fetch(ScriptedProvider(served, FIRST), "AAPL")
    traded.fetch(ScriptedProvider(served, FIRST), "AAPL", kinds=["unadjusted_prices", "splits", "statements"])
    days = ["2021-03-25", "2021-03-26"]
    caps = [lake.market_caps("AAPL", days)["market_cap"].to_list() for lake in (adjusted, traded)]
    assert caps[0] == caps[1]
    assert None not in caps[0]
    basis = traded.sql("SELECT split_basis_date::VARCHAR FROM price_data ORDER BY date")
    assert basis.to_series().to_list() == days


def test_vendor_market_caps_have_a_table_of_their_own(tmp_path: Path) -> None:
    """The provider's market caps go to vendor_market_caps, and market_caps does not use them."""
    served: Records = {
        ("market_cap", "AAPL", None): [{"symbol": "AAPL", "date": "2021-03-26", "marketCap": 7}]
    }
    lake = fl.open(tmp_path / "lake")
    assert lake.fetch(ScriptedProvider(served, FIRST), "AAPL", kinds="market_caps").clean
    assert lake.sql("SELECT symbol, market_cap FROM vendor_market_caps").rows() == [("AAPL", 7.0)]
    assert lake.market_caps("AAPL", "2021-03-26")["market_cap"].to_list() == [None]


def test_a_provider_may_have_its_own_field_map(tmp_path: Path) -> None:
    """Another vendor's fields are stored in the lake's columns by the field map of its results."""
    provider = ScriptedProvider(
        {("price", "AAPL", None): [{"date": "2021-03-26", "last": 101.0}]}, FIRST, name="acme"
    )
    answer = provider.answer

    def renamed(call: Any) -> Any:
        served = answer(call)
        for each in served:
            each.fields = {"date": "date", "last": "close_price"}
        return served

    provider.answer = renamed  # type: ignore[method-assign]
    lake = fl.open(tmp_path / "lake")
    assert lake.fetch(provider, "AAPL", kinds="prices").clean
    assert lake.sql("SELECT close_price, source_provider FROM price_data").rows() == [(101.0, "acme")]


def test_the_fetch_state_is_kept_per_provider(tmp_path: Path) -> None:
    """A fetch from one provider does not change what is due from another."""
    lake = fl.open(tmp_path / "lake")
    lake.fetch(ScriptedProvider(records("AAPL")), "AAPL", kinds="prices")
    other = ScriptedProvider(records("AAPL"), name="acme")
    lake.fetch(other, "AAPL", kinds="prices")
    assert other.requests == [Request("price", "AAPL")]


def test_the_log_has_the_request_and_the_response(tmp_path: Path) -> None:
    """Each request has one log row with parameters, hash, number of keys and HTTP status."""
    lake = fl.open(tmp_path / "lake")
    lake.fetch(ScriptedProvider(records("AAPL"), FIRST), "AAPL", kinds="prices", since="2021-01-01")
    [line] = lake.fetch_log().to_dicts()
    assert line["data_type"] == "price_data"
    assert '"start": "2021-01-01"' in line["parameters"]
    assert (line["http_status"], line["api_calls_made"], line["keys_landed"]) == (200, 1, 2)
    assert len(line["payload_sha256"]) == 64


def test_many_symbols_are_committed_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch is one snapshot; all batches belong to one operation, so one rollback reverts them."""
    monkeypatch.setattr(run, "_BATCH_ANSWERS", 5)
    symbols = [f"A{i}" for i in range(10)]
    lake = fl.open(tmp_path / "lake")
    report = lake.fetch(ScriptedProvider(records(*symbols)), symbols, kinds=["prices", "profiles"])
    assert report.snapshot_after >= 3
    assert len({s.operation for s in lake.history()}) == 1
    lake.rollback()
    assert lake.held_symbols() == []


def test_an_interrupted_fetch_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second fetch requests nothing that is committed; the result equals an uninterrupted fetch."""
    monkeypatch.setattr(run, "_BATCH_ANSWERS", 4)
    symbols = [f"A{i}" for i in range(10)]
    provider, whole = ScriptedProvider(records(*symbols)), fl.open(tmp_path / "whole")
    whole.fetch(ScriptedProvider(records(*symbols)), symbols, kinds=["prices", "profiles"])

    def cut(request: Request) -> None:
        if request.symbol == "A7":
            raise KeyboardInterrupt

    lake = fl.open(tmp_path / "lake")
    provider.faults = cut
    with pytest.raises(KeyboardInterrupt):
        lake.fetch(provider, symbols, kinds=["prices", "profiles"])
    landed = set(lake.refresh().held_symbols())
    assert landed
    provider.requests.clear()
    provider.faults = lambda _: None
    lake.fetch(provider, symbols, kinds=["prices", "profiles"])
    assert landed.isdisjoint({r.symbol for r in provider.requests})
    assert closes(lake) == closes(whole)


def test_a_full_refetch_after_a_split_is_a_split_rebase(tmp_path: Path) -> None:
    """Hundreds of adjusted bars are revisions of kind split_rebase, not vendor revisions."""
    days = [f"{d:%Y-%m-%d}" for d in pl.date_range(date(2020, 6, 1), date(2021, 3, 26), eager=True)]
    stored: Records = {("price", "AAPL", None): [bar(d, 100.0 + i) for i, d in enumerate(days)]}
    lake, provider = fl.open(tmp_path / "lake"), ScriptedProvider(stored, FIRST)
    lake.fetch(provider, "AAPL", kinds=["prices", "splits"])
    provider.records = {("price", "AAPL", None): [bar(d, (100.0 + i) / 4) for i, d in enumerate(days)]}
    provider.records["split", "AAPL", None] = [{"date": "2021-03-29", "numerator": 4, "denominator": 1}]
    provider.now = datetime(2021, 3, 29, 23, tzinfo=UTC)
    lake.fetch(provider, "AAPL", kinds=["prices", "splits"], policy=fl.FetchPolicy(everything=True))
    kinds = lake.sql("SELECT change_kind, count(*) FROM price_revisions GROUP BY ALL").rows()
    assert kinds == [("split_rebase", len(days))]


@pytest.mark.parametrize(("kind", "suggestion"), [("price", "prices"), ("statement", "statements")])
def test_an_unknown_kind_is_refused_with_the_nearest_name(tmp_path: Path, kind: str, suggestion: str) -> None:
    """A misspelt kind is rejected before any request."""
    provider = ScriptedProvider(records("AAPL"))
    with pytest.raises(InvalidInput, match=f"Did you mean '{suggestion}'"):
        fl.open(tmp_path / "lake").fetch(provider, "AAPL", kinds=kind)
    assert provider.requests == []


def test_a_kind_that_the_provider_does_not_offer_is_refused(tmp_path: Path) -> None:
    """The error lists the datasets that the provider offers."""
    provider = ScriptedProvider({}, datasets={"price": Offer(ranged=True)})
    with pytest.raises(InvalidInput, match=r"does not offer profile.*it offers price"):
        fl.open(tmp_path / "lake").fetch(provider, "AAPL", kinds=["prices", "profiles"])


def test_by_default_a_fetch_requests_what_the_provider_offers(tmp_path: Path) -> None:
    """A provider that has some of the default kinds is asked for these."""
    provider = ScriptedProvider(records("AAPL"), datasets={"price": Offer(ranged=True)})
    assert fl.open(tmp_path / "lake").fetch(provider, "AAPL").clean
    assert {request.dataset for request in provider.requests} == {"price"}


def test_transient_faults_that_last_are_listed_by_kind(tmp_path: Path) -> None:
    """A transient error that outlasts the provider's retries is a failure of this fetch only."""
    provider = ScriptedProvider(records("AAPL"), faults=lambda _: Unavailable("no answer in 30 s, 6 tries"))
    report = fl.open(tmp_path / "lake").fetch(provider, "AAPL", kinds="prices")
    assert [kind for *_, kind, _ in report.failures] == ["Unavailable"]


def test_a_run_without_any_answer_takes_no_snapshot(tmp_path: Path) -> None:
    """An unreachable provider adds no snapshot of failures; with one answer, the others are in the log."""
    lake = fl.open(tmp_path / "lake")
    provider = ScriptedProvider(records("AAPL"), faults=lambda _: Unavailable("refused"))
    assert lake.fetch(provider, "AAPL").snapshot_after == 0
    assert lake.history() == []
    provider.faults = lambda request: None if request.dataset == "price" else Unavailable("refused")
    lake.fetch(provider, "AAPL", kinds=["prices", "profiles"])
    assert lake.sql("SELECT data_type, success FROM data_fetch_log ORDER BY 1").rows() == [
        ("company_profiles", False),
        ("price_data", True),
    ]


def test_a_known_answer_is_merged_once(tmp_path: Path) -> None:
    """A batch of known answers changes nothing."""
    lake, provider = fl.open(tmp_path / "lake"), ScriptedProvider(records("AAPL"), FIRST)
    answers = provider.answer(provider.plan([Request("price", "AAPL")])[0])
    layout = layouts.find(lake.path)
    for _ in range(2):
        with transaction(layout, reason="test", program_version="0") as tx:
            landed = merge_batch(tx, answers)
    assert landed.answers == 0
    assert lake.refresh().snapshot.id == 1


def test_prices_in_unknown_units_bring_the_profile(lake: fl.Lake) -> None:
    """London quotes in pence, so a fetch of prices alone requests the profile; it is not requested again."""
    provider = ScriptedProvider(records("BARC.L") | records("AAPL"))
    lake.fetch(provider, ["BARC.L", "AAPL"], kinds="prices")
    sent = {(r.symbol, r.dataset) for r in provider.requests}
    assert sent == {("BARC.L", "price"), ("BARC.L", "profile"), ("AAPL", "price")}
    provider.requests.clear()
    lake.fetch(provider, ["BARC.L"], kinds="prices")
    assert ("BARC.L", "profile") not in {(r.symbol, r.dataset) for r in provider.requests}
