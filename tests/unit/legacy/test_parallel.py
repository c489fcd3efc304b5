"""Test a lake and the old cache side by side: routing, fallback and comparison."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, LakeDamaged, LakeWarning, NotFound
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import DatabaseProvider, DataProvider, FMPProvider
from factorlab_lake.legacy.old_cache import CacheLake
from factorlab_lake.legacy.parallel.counters import Alert
from factorlab_lake.legacy.parallel.settings import hash_percent, parallel_settings
from tests.support import CACHE_2021, FETCHED, LATER, Entry, bar, copy_of, income

SYMBOLS = ["GOOGL", "AAPL"]
CAPS_ON = ["2020-12-31", "2021-03-31"]
FACTORS = {"start_date": "2021-01-04", "end_date": "2021-01-29", "calculation_frequency": "M"}
_POLARS = partial(DatabaseProvider, frames="polars")
QUESTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "get_fundamental_factors": (FMPProvider, FACTORS),
    "get_prices": (FMPProvider, {"start_date": "2021-03-01"}),
    "batch_fetch_statements": (FMPProvider, {"limit": 2}),
    "get_financial_statements": (_POLARS, {"start_date": "2020-06-01", "as_of": "2021-03-01"}),
    "get_financial_ratios": (_POLARS, {"start_date": "2020-06-01"}),
    "calculate_market_caps_batch": (_POLARS, {"dates": CAPS_ON}),
}
Make = Callable[..., DataProvider]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a read-only lake with the content of the cache."""
    lake = fl.open(tmp_path_factory.mktemp("whole") / "lake")
    lake.migrate(CACHE_2021, symbols=SYMBOLS)
    return lake


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a read-only empty lake."""
    return fl.open(tmp_path_factory.mktemp("empty") / "lake")


@pytest.fixture(scope="module")
def read_cache() -> Iterator[CacheLake]:
    """Yield the sample's cache, whose files are read once for all tests."""
    cache = CacheLake(CACHE_2021)
    yield cache
    cache.close()


@pytest.fixture
def make(read_cache: CacheLake) -> Iterator[Make]:
    """Yield a factory of providers; close those with a cache of their own at the end."""
    made: list[DataProvider] = []

    def provider(lake: Any, *, alert: Any = None, **settings: Any) -> DataProvider:
        configured = parallel_settings(**{"cache_dir": CACHE_2021} | settings)
        created = DataProvider(configured, lake=lake, alert=alert, frames="polars")
        if "cache_dir" in settings:
            made.append(created)
        else:
            created._cache = read_cache
        return created

    yield provider
    for each in made:
        each.close()


def _ask(provider: Any, question: str) -> Any:
    return getattr(provider, question)(SYMBOLS, **QUESTIONS[question][1])


def _assert_same(left: Any, right: Any) -> None:
    if isinstance(left, pl.DataFrame):
        ours = ("fetch_id", "recorded_at", "created_at", "updated_at")
        assert_frame_equal(left.drop(ours, strict=False), right.drop(ours, strict=False))
    elif isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right)
    elif isinstance(left, dict):
        assert list(left) == list(right)
        for name in left:
            _assert_same(left[name], right[name])
    else:
        assert left == right


def test_the_temporary_lake_has_its_tables_alone(read_cache: CacheLake) -> None:
    """A comparison writes neither `lake.duckdb` nor a read index, which take longer than its questions."""
    lake = read_cache.lake(["AAPL"])
    assert isinstance(lake, Lake)
    assert "AAPL" in lake.held_symbols()
    assert not (lake.path / "lake.duckdb").exists()
    assert not list(lake.path.glob("_lake/index/*"))


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("question", QUESTIONS)
def test_answers_are_those_of_the_lake_whoever_gives_them(
    make: Make, whole: Lake, empty: Lake, question: str
) -> None:
    """The cache alone, or half from each source, gives the same answer, and nothing differs."""
    expected = _ask(QUESTIONS[question][0](whole), question)
    of_both = make(whole, migration_mode=True, cache_symbols="AAPL")
    for provider, counted in ((of_both, (1, 1, 0, 2)), (make(empty), (0, 2, 2, 0))):
        _assert_same(_ask(provider, question), expected)
        now = provider.counts
        assert (now.from_lake, now.from_cache, now.not_in_lake, now.compared) == counted
        assert (now.differing, now.not_compared, now.lake_failed) == (0, 0, 0)


def test_with_the_flag_off_the_cache_answers_for_all(make: Make, whole: Lake) -> None:
    """With `use_database` off, every symbol goes to the cache, also those in the lake."""
    provider = make(whole, use_database=False)
    caps = provider.calculate_market_caps_batch(SYMBOLS, CAPS_ON)
    assert_frame_equal(caps, whole.market_caps(SYMBOLS, CAPS_ON))
    assert (provider.counts.from_lake, provider.counts.from_cache) == (0, 2)


def test_a_wrong_value_in_the_lake_is_found_and_said_and_answered(
    make: Make, whole: Lake, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """If the lake's close differs from the cache's, its answer is returned and the difference reported."""
    lake = copy_of(whole, tmp_path / "lake")
    day = {"symbol": ["AAPL"], "date": ["2021-03-31"], "split_basis_date": ["2021-03-31"]}
    with pytest.warns(LakeWarning, match="1 row of fmp has other values"):
        lake.load("price_data", day | {"close_price": [999.0]})
    alerts: list[Alert] = []
    provider = make(lake, migration_mode=True, alert=alerts.append)
    with caplog.at_level(logging.WARNING):
        caps = provider.calculate_market_caps_batch(SYMBOLS, CAPS_ON)
    assert_frame_equal(caps, lake.market_caps(SYMBOLS, CAPS_ON))
    assert [(a.kind, a.question) for a in alerts] == [("differs", "calculate_market_caps_batch")]
    assert "1 of 4 rows differ, 0 are only in the lake, 0 only in the cache" in alerts[0].message
    assert alerts[0].message.endswith(": AAPL 2021-03-31 market_cap")
    assert alerts[0].message in caplog.text
    assert provider.counts.differing == 1


def test_a_symbol_the_lake_does_not_hold_is_answered_from_the_cache_and_counted(
    make: Make, whole: Lake, tmp_path: Path
) -> None:
    """What has not been migrated yet falls back, symbol by symbol; an unknown symbol stays with the lake."""
    lake = fl.open(tmp_path / "lake")
    lake.migrate(CACHE_2021, symbols=["GOOGL"])
    alerts: list[Alert] = []
    provider = make(lake, alert=alerts.append)
    caps = provider.calculate_market_caps_batch(["AAPL", "GOOGL", "NOPE"], CAPS_ON)
    assert_frame_equal(caps, whole.market_caps(["AAPL", "GOOGL", "NOPE"], CAPS_ON))
    counts = provider.counts
    assert (counts.from_lake, counts.from_cache, counts.not_in_lake) == (2, 1, 1)
    assert [(a.kind, a.symbols) for a in alerts] == [("not_in_lake", ("AAPL",))]


def test_without_fallback_the_lake_alone_answers(make: Make, empty: Lake) -> None:
    """With the flag off, missing data stay missing, and the cache is never read."""
    provider = make(empty, fallback_to_cache=False, cache_dir="nowhere")
    assert provider.calculate_market_caps_batch(SYMBOLS, CAPS_ON)["market_cap"].null_count() == 4
    assert provider.counts.from_cache == 0


def _damaged(whole: Lake, place: Path) -> Lake:
    lake = copy_of(whole, place)
    for file in (lake.path / "price_data").rglob("*.parquet"):
        file.unlink()
    return lake


def test_a_damaged_lake_falls_back_with_an_alert(make: Make, whole: Lake, tmp_path: Path) -> None:
    """An error of the lake is counted and reported, and the caller gets the cache's answer."""
    alerts: list[Alert] = []
    provider = make(_damaged(whole, tmp_path / "lake"), alert=alerts.append)
    prices = provider.get_prices(SYMBOLS, "2021-03-01")
    pd.testing.assert_frame_equal(prices, FMPProvider(whole).get_prices(SYMBOLS, "2021-03-01"))
    assert provider.counts.lake_failed == provider.counts.from_cache == 2
    assert [a.kind for a in alerts] == ["lake_failed"]
    assert alerts[0].message.startswith("LakeDamaged: ")


def test_a_damaged_lake_is_an_error_without_fallback(make: Make, whole: Lake, tmp_path: Path) -> None:
    """With the flag off, the lake's own error reaches the caller."""
    provider = make(_damaged(whole, tmp_path / "lake"), fallback_to_cache=False)
    with pytest.raises(LakeDamaged):
        provider.get_prices(SYMBOLS, "2021-03-01")


def test_a_lake_that_is_not_there_falls_back_and_is_used_once_it_is(make: Make, tmp_path: Path) -> None:
    """The provider can be created before the lake; each call tries to open it again."""
    provider = make(str(tmp_path / "lake"))
    first = provider.calculate_market_caps_batch(SYMBOLS, CAPS_ON)
    assert provider.counts.lake_failed == 2
    fl.open(tmp_path / "lake").migrate(CACHE_2021, symbols=SYMBOLS)
    assert_frame_equal(provider.calculate_market_caps_batch(SYMBOLS, CAPS_ON), first)
    assert provider.counts.from_lake == 2


def test_wrong_arguments_are_raised_and_not_fallen_back_from(make: Make, whole: Lake) -> None:
    """An invalid argument raises InvalidInput without a fallback."""
    provider = make(whole, migration_mode=True)
    with pytest.raises(InvalidInput, match="price_type is 'closs'"):
        provider.get_prices(SYMBOLS, price_type="closs")
    assert provider.counts.lake_failed == 0


def test_without_a_cache_nothing_is_compared_and_the_answer_stands(make: Make, whole: Lake) -> None:
    """Without the cache folder the lake still answers; a query of the cache alone raises."""
    provider = make(whole, migration_mode=True, cache_dir="nowhere")
    assert provider.calculate_market_caps_batch(SYMBOLS, CAPS_ON)["market_cap"].null_count() == 0
    assert provider.counts.compared == 0
    with pytest.raises(NotFound, match="FACTORLAB_CACHE_DIR"):
        make(whole, use_database=False, cache_dir="nowhere").get_prices("AAPL")


@pytest.mark.parametrize("fault", [RuntimeError("secret"), LakeDamaged("a file is gone")])
def test_a_comparison_that_fails_costs_nothing_but_a_count(
    make: Make, whole: Lake, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """Any error of the other source leaves the answer intact; a foreign error's message is not repeated."""
    alerts: list[Alert] = []
    provider = make(whole, migration_mode=True, alert=alerts.append)

    def failing(symbols: list[str]) -> Lake:
        raise fault

    monkeypatch.setattr(provider._cache, "lake", failing)
    caps = provider.calculate_market_caps_batch(SYMBOLS, CAPS_ON)
    assert_frame_equal(caps, whole.market_caps(SYMBOLS, CAPS_ON))
    assert provider.counts.not_compared == 1
    assert alerts[0].kind == "not_compared"
    assert "secret" not in alerts[0].message


def test_a_failing_alert_hook_is_counted_and_costs_no_answer(make: Make, empty: Lake) -> None:
    """The hook is user code; its errors do not affect the answers."""

    def hook(alert: Alert) -> None:
        raise OSError("no connection to the pager")

    provider = make(empty, alert=hook)
    assert provider.calculate_market_caps_batch("AAPL", CAPS_ON)["market_cap"].null_count() == 0
    assert provider.counts.alerts_failed == 1


def test_symbols_switch_over_gradually_and_never_back() -> None:
    """The lake gets the set share of many symbols; a larger share includes a smaller one."""
    symbols = [f"S{i}" for i in range(4000)]
    before: set[str] = set()
    for percent in (0, 1, 25, 60, 100):
        provider = DataProvider(parallel_settings(database_percent=percent), lake="nowhere/lake")
        now = {s for s in symbols if provider.uses_database(s)}
        assert before <= now
        assert abs(len(now) / len(symbols) * 100 - percent) < 3
        before = now
    assert len(before) == len(symbols)
    assert round(hash_percent("AAPL"), 6) == round(hash_percent("AAPL"), 6) != round(hash_percent("MSFT"), 6)


def test_named_symbols_win_over_the_share_and_the_flag_over_both(make: Make, whole: Lake) -> None:
    """Explicit lists override the share; with `use_database` off, all symbols go to the cache."""
    some = make(whole, database_percent=0, database_symbols="AAPL, BRK.B", cache_symbols="GOOGL")
    assert [some.uses_database(s) for s in ("AAPL", "BRK.B", "GOOGL", "MSFT")] == [True, True, False, False]
    assert not make(whole, use_database=False, database_symbols="AAPL").uses_database("AAPL")
    with pytest.raises(InvalidInput, match="AAPL: in FACTORLAB_DATABASE_SYMBOLS and"):
        make(whole, database_symbols="AAPL", cache_symbols="AAPL,MSFT")


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each flag is FACTORLAB_ and its name; an invalid one raises without repeating the value."""
    monkeypatch.setenv("FACTORLAB_USE_DATABASE", "false")
    monkeypatch.setenv("FACTORLAB_DATABASE_PERCENT", "12.5")
    monkeypatch.setenv("FACTORLAB_LAKE", "postgresql://me:secret@host/db")
    settings = parallel_settings()
    assert (settings.use_database, settings.database_percent) == (False, 12.5)
    assert "secret" not in repr(settings) + repr(DataProvider(settings))
    monkeypatch.setenv("FACTORLAB_MIGRATION_MODE", "secret")
    with pytest.raises(InvalidInput, match=r"^FACTORLAB_MIGRATION_MODE: ") as wrong:
        parallel_settings()
    assert "secret" not in str(wrong.value)


def test_a_cache_that_is_still_written_is_read_as_it_is_now(make: Make, empty: Lake, cache: Path) -> None:
    """While the old program still fetches, the cache answers from its newest files."""
    Entry("AAPL", "price", [bar("2021-03-30", 10.0)], cached_at=FETCHED).write(cache)
    provider = make(empty, cache_dir=cache)
    assert provider.get_prices("AAPL")["AAPL"].tolist() == [10.0]
    Entry("AAPL", "price", [bar("2021-03-30", 10.0), bar("2021-04-01", 11.0)], cached_at=LATER).write(cache)
    assert provider.get_prices("AAPL")["AAPL"].tolist() == [10.0, 11.0]


def test_many_threads_count_every_answer_once(make: Make, whole: Lake) -> None:
    """Calls of three threads to both sources get correct answers, and each is counted once."""
    provider = make(whole, cache_symbols="AAPL", migration_mode=True)
    expected = whole.market_caps(SYMBOLS, CAPS_ON)
    with ThreadPoolExecutor(3) as threads:
        answers = threads.map(lambda _: provider.calculate_market_caps_batch(SYMBOLS, CAPS_ON), range(9))
        for answer in answers:
            assert_frame_equal(answer, expected)
    counts = provider.counts
    assert (counts.questions, counts.from_lake, counts.from_cache) == (9, 9, 9)
    assert (counts.compared, counts.differing, counts.not_compared) == (18, 0, 0)


def test_the_cache_is_never_written_and_its_copy_goes_with_the_provider(empty: Lake, cache: Path) -> None:
    """No file of the cache is changed, and the temporary lake is gone after closing."""
    Entry("AAPL", "income", [income()]).write(cache)
    before = {p: p.read_bytes() for p in cache.rglob("*") if p.is_file()}
    with DataProvider(parallel_settings(cache_dir=cache), lake=empty, frames="polars") as provider:
        rows = provider.get_financial_statements("AAPL")
        assert rows["fiscal_date"].to_list() == [date(2020, 9, 26)]
        place = provider._cache._place
        assert place is not None
        assert place.is_dir()
    assert not place.exists()
    assert {p: p.read_bytes() for p in cache.rglob("*") if p.is_file()} == before


def test_a_statement_only_in_the_cache_is_said_to_be(make: Make, lake: Lake, cache: Path) -> None:
    """A quarter that only the cache has is reported as a row of the cache alone."""
    first = Entry("AAPL", "income", [income("2020-06-27", "Q3")], limit=1)
    second = Entry("AAPL", "income", [income("2020-09-26", "Q4")], limit=2)
    first.write(cache)
    lake.migrate(cache)
    second.write(cache)
    alerts: list[Alert] = []
    make(lake, cache_dir=cache, migration_mode=True, alert=alerts.append).get_financial_statements("AAPL")
    assert "0 are only in the lake, 1 only in the cache: AAPL income 2020-09-26 Q4" in alerts[0].message


def test_nothing_asked_is_nothing_answered(make: Make, whole: Lake) -> None:
    """An empty list of symbols returns the lake's own empty answer."""
    provider = make(whole, migration_mode=True)
    assert provider.calculate_market_caps_batch([], CAPS_ON).is_empty()
    assert provider.counts.questions == 1


def test_a_lake_in_the_place_of_the_settings_is_refused() -> None:
    """`DataProvider("data/lake")` raises an error that shows the name of the argument."""
    place: Any = "data/lake"
    with pytest.raises(InvalidInput, match=r"settings is str.*DataProvider\(lake=\.\.\.\)"):
        DataProvider(place)
