"""A run of fetching, with a provider in memory."""

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
from factorlab_lake.storage.transaction import transaction
from tests.support import bar, income
from tests.unit.ingest.scripted import Records, Scripted

FIRST = datetime(2021, 3, 26, 23, tzinfo=UTC)


def records(*symbols: str) -> Records:
    """Return a quarter, two bars and a profile of each symbol."""
    found: Records = {}
    for symbol in symbols:
        found["price", symbol, None] = [bar("2021-03-25", 100.0), bar("2021-03-26", 101.0)]
        found["income", symbol, "quarterly"] = [income(symbol=symbol)]
        found["profile", symbol, None] = [{"symbol": symbol, "companyName": f"{symbol} Inc."}]
    return found


def closes(lake: fl.Lake) -> dict[tuple[str, str], float]:
    """Return the lake's closes by symbol and day."""
    rows = lake.sql("SELECT symbol, date::VARCHAR AS day, close_price FROM price_data").iter_rows()
    return {(symbol, day): close for symbol, day, close in rows}


def test_what_is_answered_lands_and_is_not_asked_for_again(tmp_path: Path) -> None:
    """The second run right after the first finds nothing due."""
    lake, provider = fl.open(tmp_path / "lake"), Scripted(records("AAPL", "MSFT"))
    report = lake.fetch(provider, ["AAPL", "MSFT"])
    assert report.clean
    assert report.new == {"income_statements": 2, "price_data": 4, "company_profiles": 2}
    assert (report.calls, report.calls_planned, report.requests) == (20, 20, 20)
    assert closes(lake)["MSFT", "2021-03-26"] == 101.0
    again = lake.fetch(provider, ["AAPL", "MSFT"])
    assert (again.requests, again.snapshot_after) == (0, report.snapshot_after)


def test_a_plan_asks_nothing(tmp_path: Path) -> None:
    """A dry run says how many calls are due and how long the provider's limit makes them take."""
    lake, provider = fl.open(tmp_path / "lake"), Scripted(records("AAPL"), calls_per_minute=30)
    planned = lake.plan_fetch(provider, "AAPL", kinds="prices")
    assert (planned.calls_planned, planned.planned_s, planned.calls) == (1, 2.0, 0)
    assert provider.asked == []
    assert lake.snapshot.id == 0


def test_one_request_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    """The failure is listed with its kind and reason, is in the log, and the next run asks for it again."""

    def faults(request: Request) -> NotInPlan | None:
        refused = (request.symbol, request.dataset) == ("AAPL", "price")
        return NotInPlan("the plan does not cover AAPL") if refused else None

    lake, provider = fl.open(tmp_path / "lake"), Scripted(records("AAPL", "MSFT"), faults=faults)
    report = lake.fetch(provider, ["AAPL", "MSFT"])
    assert report.failures == [("AAPL", "price", "NotInPlan", "the plan does not cover AAPL")]
    assert not report.clean
    assert {symbol for symbol, _ in closes(lake)} == {"MSFT"}
    assert lake.sql("SELECT symbol, data_type FROM data_fetch_log WHERE NOT success").rows() == [
        ("AAPL", "price_data")
    ]
    provider.faults = lambda _: None
    provider.asked.clear()
    assert lake.fetch(provider, ["AAPL", "MSFT"]).clean
    assert provider.asked == [Request("price", "AAPL")]


def test_a_refused_key_ends_the_run(tmp_path: Path) -> None:
    """What no other call would escape is not tried for every symbol; what was answered before it lands."""

    def faults(request: Request) -> KeyRefused | None:
        return KeyRefused("the key is refused") if request.symbol != "A0" else None

    symbols = [f"A{i}" for i in range(60)]
    lake, provider = fl.open(tmp_path / "lake"), Scripted(records(*symbols), faults=faults)
    report = lake.fetch(provider, symbols)
    assert report.stopped == "the key is refused"
    assert {symbol for symbol, _ in closes(lake)} == {"A0"}
    assert len(provider.asked) < 300


def test_an_unknown_symbol_is_a_failure_and_a_fund_without_statements_is_not(tmp_path: Path) -> None:
    """Empty answers count against a symbol only when the provider knows nothing at all of it."""
    found = records("SPY")
    del found["income", "SPY", "quarterly"]
    lake = fl.open(tmp_path / "lake")
    report = lake.fetch(Scripted(found), ["SPY", "NOPE"])
    assert {symbol for symbol, *_ in report.failures} == {"NOPE"}
    assert {kind for *_, kind, _ in report.failures} == {"EmptyAnswer"}
    assert {(symbol, dataset) for symbol, dataset, _ in report.empty} == {
        ("SPY", d) for d in ("income", "balance_sheet", "cash_flow")
    }


def test_an_unknown_symbol_is_asked_for_again_and_a_fund_is_not(tmp_path: Path) -> None:
    """A fund's missing statements are looked for once a day, not at each run."""
    found = records("SPY")
    del found["income", "SPY", "quarterly"]
    lake, provider = fl.open(tmp_path / "lake"), Scripted(found)
    lake.fetch(provider, ["SPY", "NOPE"])
    provider.asked.clear()
    lake.fetch(provider, ["SPY", "NOPE"])
    assert {r.symbol for r in provider.asked} == {"NOPE"}


def _later(found: Records, *bars: dict[str, Any]) -> Records:
    return found | {("price", "AAPL", None): list(bars)}


def test_a_rebased_history_brings_its_split_along(tmp_path: Path) -> None:
    """New bars that show a held one at half its price make the run ask for splits at once."""
    lake, provider = fl.open(tmp_path / "lake"), Scripted(records("AAPL"), FIRST)
    lake.fetch(provider, "AAPL")
    adjusted = [
        bar(d, c / 2) for d, c in (("2021-03-25", 100.0), ("2021-03-26", 101.0), ("2021-03-29", 104.0))
    ]
    provider.records = _later(records("AAPL"), *adjusted)
    provider.records["split", "AAPL", None] = [{"date": "2021-03-29", "numerator": 2, "denominator": 1}]
    provider.now = datetime(2021, 3, 29, 23, tzinfo=UTC)
    provider.asked.clear()
    report = lake.fetch(provider, "AAPL", kinds="prices")
    assert report.split_detected == ["AAPL"]
    assert [r.dataset for r in provider.asked] == ["price", "split"]
    assert lake.sql("SELECT date::VARCHAR, numerator FROM splits").rows() == [("2021-03-29", 2.0)]
    kinds = lake.sql("SELECT change_kind FROM price_revisions")["change_kind"]
    assert kinds.to_list() == ["split_rebase"] * 2


def test_a_split_that_the_bars_do_not_count_yet_is_asked_for_too(tmp_path: Path) -> None:
    """A fall by half within the new bars is a question worth asking, before a market cap is wrong."""
    lake, provider = fl.open(tmp_path / "lake"), Scripted(records("AAPL"), FIRST)
    lake.fetch(provider, "AAPL")
    provider.records = _later(records("AAPL"), bar("2021-03-26", 101.0), bar("2021-03-29", 52.0))
    provider.records["split", "AAPL", None] = [{"date": "2021-03-29", "numerator": 2, "denominator": 1}]
    provider.now = datetime(2021, 3, 29, 23, tzinfo=UTC)
    provider.asked.clear()
    lake.fetch(provider, "AAPL", kinds="prices")
    assert [r.dataset for r in provider.asked] == ["price", "split"]
    before, after = lake.prices("AAPL", "2021-03-26", "2021-03-29", adjusted=True)["close_price"]
    assert (before, after) == (50.5, 52.0)


def test_bars_on_both_bases_tell_the_same_market_cap(tmp_path: Path) -> None:
    """Prices as traded carry their own day as basis; after the split they are the split-adjusted ones."""
    found = records("AAPL")
    found["split", "AAPL", None] = [{"date": "2021-03-26", "numerator": 2, "denominator": 1}]
    found["price", "AAPL", None] = [bar("2021-03-25", 100.0), bar("2021-03-26", 101.0)]
    names = {"date": "date", "adjClose": "close", "adjOpen": "open", "adjHigh": "high", "adjLow": "low"}
    raw = [bar("2021-03-25", 200.0), bar("2021-03-26", 101.0)]
    found["price_unadjusted", "AAPL", None] = [{k: r[v] for k, v in names.items()} for r in raw]
    adjusted, traded = fl.open(tmp_path / "adjusted"), fl.open(tmp_path / "traded")
    adjusted.fetch(Scripted(found, FIRST), "AAPL")
    traded.fetch(Scripted(found, FIRST), "AAPL", kinds=["unadjusted_prices", "splits", "statements"])
    days = ["2021-03-25", "2021-03-26"]
    caps = [lake.market_caps("AAPL", days)["market_cap"].to_list() for lake in (adjusted, traded)]
    assert caps[0] == caps[1]
    assert None not in caps[0]
    basis = traded.sql("SELECT split_basis_date::VARCHAR FROM price_data ORDER BY date")
    assert basis.to_series().to_list() == days


def test_market_caps_of_the_provider_are_kept_apart(tmp_path: Path) -> None:
    """They land in a table of their own, and no answer of the lake's uses them."""
    found: Records = {
        ("market_cap", "AAPL", None): [{"symbol": "AAPL", "date": "2021-03-26", "marketCap": 7}]
    }
    lake = fl.open(tmp_path / "lake")
    assert lake.fetch(Scripted(found, FIRST), "AAPL", kinds="market_caps").clean
    assert lake.sql("SELECT symbol, market_cap FROM vendor_market_caps").rows() == [("AAPL", 7.0)]
    assert lake.market_caps("AAPL", "2021-03-26")["market_cap"].to_list() == [None]


def test_a_provider_brings_names_of_its_own(tmp_path: Path) -> None:
    """Another vendor's fields land under the lake's columns by the map its answers carry."""
    provider = Scripted(
        {("price", "AAPL", None): [{"date": "2021-03-26", "last": 101.0}]}, FIRST, name="acme"
    )
    answer = provider.answer

    def renamed(call: Any) -> Any:
        found = answer(call)
        for each in found:
            each.fields = {"date": "date", "last": "close_price"}
        return found

    provider.answer = renamed  # type: ignore[method-assign]
    lake = fl.open(tmp_path / "lake")
    assert lake.fetch(provider, "AAPL", kinds="prices").clean
    assert lake.sql("SELECT close_price, source_provider FROM price_data").rows() == [(101.0, "acme")]


def test_another_provider_is_asked_although_the_lake_holds_the_symbol(tmp_path: Path) -> None:
    """What one provider answered says nothing of what another would."""
    lake = fl.open(tmp_path / "lake")
    lake.fetch(Scripted(records("AAPL")), "AAPL", kinds="prices")
    other = Scripted(records("AAPL"), name="acme")
    lake.fetch(other, "AAPL", kinds="prices")
    assert other.asked == [Request("price", "AAPL")]


def test_the_log_tells_what_was_asked_and_what_came(tmp_path: Path) -> None:
    """One line per request, with the digest of what came, its span and the call's status."""
    lake = fl.open(tmp_path / "lake")
    lake.fetch(Scripted(records("AAPL"), FIRST), "AAPL", kinds="prices", since="2021-01-01")
    [line] = lake.fetch_log().to_dicts()
    assert line["data_type"] == "price_data"
    assert '"start": "2021-01-01"' in line["parameters"]
    assert (line["http_status"], line["api_calls_made"], line["keys_landed"]) == (200, 1, 2)
    assert len(line["payload_sha256"]) == 64


def test_many_symbols_land_in_several_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch is one snapshot; all of them belong to one run, so one rollback undoes them."""
    monkeypatch.setattr(run, "_BATCH_ANSWERS", 5)
    symbols = [f"A{i}" for i in range(10)]
    lake = fl.open(tmp_path / "lake")
    report = lake.fetch(Scripted(records(*symbols)), symbols, kinds=["prices", "profiles"])
    assert report.snapshot_after >= 3
    assert len({s.operation for s in lake.history()}) == 1
    lake.rollback()
    assert lake.held_symbols() == []


def test_a_run_cut_off_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What had landed is not asked for again; the end is the same as without the cut."""
    monkeypatch.setattr(run, "_BATCH_ANSWERS", 4)
    symbols = [f"A{i}" for i in range(10)]
    provider, whole = Scripted(records(*symbols)), fl.open(tmp_path / "whole")
    whole.fetch(Scripted(records(*symbols)), symbols, kinds=["prices", "profiles"])

    def cut(request: Request) -> None:
        if request.symbol == "A7":
            raise KeyboardInterrupt

    lake = fl.open(tmp_path / "lake")
    provider.faults = cut
    with pytest.raises(KeyboardInterrupt):
        lake.fetch(provider, symbols, kinds=["prices", "profiles"])
    landed = set(lake.refresh().held_symbols())
    assert landed
    provider.asked.clear()
    provider.faults = lambda _: None
    lake.fetch(provider, symbols, kinds=["prices", "profiles"])
    assert landed.isdisjoint({r.symbol for r in provider.asked})
    assert closes(lake) == closes(whole)


def test_everything_again_reports_a_rebased_history_as_rebased(tmp_path: Path) -> None:
    """Hundreds of bars on a new basis are one split, not hundreds of corrections by the vendor."""
    days = [f"{d:%Y-%m-%d}" for d in pl.date_range(date(2020, 6, 1), date(2021, 3, 26), eager=True)]
    held: Records = {("price", "AAPL", None): [bar(d, 100.0 + i) for i, d in enumerate(days)]}
    lake, provider = fl.open(tmp_path / "lake"), Scripted(held, FIRST)
    lake.fetch(provider, "AAPL", kinds=["prices", "splits"])
    provider.records = {("price", "AAPL", None): [bar(d, (100.0 + i) / 4) for i, d in enumerate(days)]}
    provider.records["split", "AAPL", None] = [{"date": "2021-03-29", "numerator": 4, "denominator": 1}]
    provider.now = datetime(2021, 3, 29, 23, tzinfo=UTC)
    lake.fetch(provider, "AAPL", kinds=["prices", "splits"], policy=fl.FetchPolicy(everything=True))
    kinds = lake.sql("SELECT change_kind, count(*) FROM price_revisions GROUP BY ALL").rows()
    assert kinds == [("split_rebase", len(days))]


@pytest.mark.parametrize(("kind", "said"), [("price", "prices"), ("statement", "statements")])
def test_an_unknown_kind_is_refused_with_the_nearest_name(tmp_path: Path, kind: str, said: str) -> None:
    """A typing error asks nobody for anything."""
    provider = Scripted(records("AAPL"))
    with pytest.raises(InvalidInput, match=f"Did you mean '{said}'"):
        fl.open(tmp_path / "lake").fetch(provider, "AAPL", kinds=kind)
    assert provider.asked == []


def test_what_a_provider_does_not_offer_is_refused(tmp_path: Path) -> None:
    """The error names what it offers."""
    provider = Scripted({}, datasets={"price": Offer(ranged=True)})
    with pytest.raises(InvalidInput, match=r"does not offer profile.*it offers price"):
        fl.open(tmp_path / "lake").fetch(provider, "AAPL")


def test_transient_faults_that_last_are_listed_by_kind(tmp_path: Path) -> None:
    """A fault that the provider could not get over in its tries is a failure of this run only."""
    provider = Scripted(records("AAPL"), faults=lambda _: Unavailable("no answer in 30 s, 6 tries"))
    report = fl.open(tmp_path / "lake").fetch(provider, "AAPL", kinds="prices")
    assert [kind for *_, kind, _ in report.failures] == ["Unavailable"]


def test_a_run_without_any_answer_takes_no_snapshot(tmp_path: Path) -> None:
    """An unreachable provider adds no snapshot of failures; with one answer, the others are in the log."""
    lake = fl.open(tmp_path / "lake")
    provider = Scripted(records("AAPL"), faults=lambda _: Unavailable("refused"))
    assert lake.fetch(provider, "AAPL").snapshot_after == 0
    assert lake.history() == []
    provider.faults = lambda request: None if request.dataset == "price" else Unavailable("refused")
    lake.fetch(provider, "AAPL", kinds=["prices", "profiles"])
    assert lake.sql("SELECT data_type, success FROM data_fetch_log ORDER BY 1").rows() == [
        ("company_profiles", False),
        ("price_data", True),
    ]


def test_answers_that_have_landed_land_once(tmp_path: Path) -> None:
    """A batch of nothing but known answers changes nothing."""
    lake, provider = fl.open(tmp_path / "lake"), Scripted(records("AAPL"), FIRST)
    answers = provider.answer(provider.plan([Request("price", "AAPL")])[0])
    layout = layouts.find(lake.path)
    for _ in range(2):
        with transaction(layout, reason="test", program_version="0") as tx:
            landed = merge_batch(tx, answers)
    assert landed.answers == 0
    assert lake.refresh().snapshot.id == 1
