"""Test what Factor Lab's cache methods do on a lake: fetch, statistics, or nothing with a warning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.errors import InvalidInput, LakeWarning, NotFound
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import FMPProvider
from factorlab_lake.query.result_cache import ResultCache
from tests.fakes.fmp import FakeFmp, synthetic_dataset

KEY = "k3y-that-must-not-show"


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeFmp]:
    """Start a vendor of two companies; the working directory has no lake, and the environment no key."""
    monkeypatch.chdir(tmp_path)
    for name in ("FACTORLAB_LAKE", "FMP_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with FakeFmp(synthetic_dataset(["AAA", "BBB"], start=date(2021, 1, 1)), key=KEY) as server:
        monkeypatch.setenv("FMP_BASE_URL", server.url)
        monkeypatch.setenv("FMP_RETRY_WAIT_S", "0")
        yield server


def test_warming_fetches_with_the_key_and_then_answers(vendor: FakeFmp) -> None:
    """The default lake is created, and the provider answers from the new snapshot."""
    provider = FMPProvider(api_key=KEY)
    report = provider.warm_cache(["aaa"])
    assert report is not None
    assert (report.clean, provider.lake.held_symbols()) == (True, ["AAA"])  # type: ignore[attr-defined]
    assert {"price_data", "income_statements", "vendor_ratios", "splits"} <= set(report.new)
    assert provider.get_prices("AAA").shape[1] == 1
    assert Path("data/lake/_lake").is_dir()
    answer = provider.batch_fetch_statements("AAA", "financial_ratios", limit=1)
    assert answer["AAA"]["financial_ratios"][0]["source"] == "fmp"
    again = provider.warm_cache("AAA")
    assert again is not None
    assert again.records == 0


@pytest.mark.first_cases(1)
@pytest.mark.parametrize(
    ("arguments", "named", "tables"),
    [
        ((["AAA"], ["income_statement"]), {"include_prices": False}, {"income_statements"}),
        ((["AAA"], "financial_ratios", False), {}, {"vendor_ratios"}),
        ((["AAA"], []), {}, {"price_data", "company_profiles"}),
    ],
)
def test_warming_fetches_what_is_named(
    vendor: FakeFmp, arguments: tuple[Any, ...], named: dict[str, Any], tables: set[str]
) -> None:
    """Statements, ratios and prices are fetched alone too; FMP's key may be the environment's."""
    report = FMPProvider(api_key=KEY).warm_cache(*arguments, **named)
    assert report is not None
    groups = {"income_statements", "vendor_ratios", "price_data", "company_profiles"}
    assert set(report.new) & groups == tables


def test_without_a_key_warming_says_so(vendor: FakeFmp) -> None:
    """Nothing is fetched or created; the warning names both ways to pass a key."""
    with pytest.warns(LakeWarning, match=r"Nothing was fetched.*FMP_API_KEY.*api_key=") as caught:
        assert FMPProvider().warm_cache(["AAA"]) is None
    assert Path(caught[0].filename) == Path(__file__)
    assert vendor.requests == []
    assert not Path("data").exists()


def test_the_key_of_the_environment_warms(vendor: FakeFmp, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that sets FMP_API_KEY passes no key."""
    monkeypatch.setenv("FMP_API_KEY", KEY)
    report = FMPProvider().warm_cache("BBB", include_prices=False)
    assert report is not None
    assert report.clean


def test_a_fetch_that_fails_is_said(vendor: FakeFmp) -> None:
    """A refused key is a warning and in the report; neither repeats it."""
    with pytest.warns(LakeWarning, match="The fetch is incomplete") as caught:
        report = FMPProvider(api_key="another-k3y").warm_cache(["AAA"])
    assert report is not None
    assert not report.clean
    assert "another-k3y" not in f"{caught[0].message} {report}"


def test_a_smart_preload_fetches_what_is_absent(vendor: FakeFmp) -> None:
    """Symbols of the lake are not fetched again; other arguments of Factor Lab's are accepted."""
    provider = FMPProvider(api_key=KEY)
    provider.warm_cache("AAA", ["income_statement"], include_prices=False)
    count = len(vendor.requests)
    assert provider.smart_preload_cache(["aaa"], "some", option=True) is None
    assert provider.smart_preload_cache() is None
    assert len(vendor.requests) == count
    report = provider.smart_preload_cache(["AAA", "bbb"])
    assert report is not None
    assert report.symbols == 1
    assert provider.lake.held_symbols() == ["AAA", "BBB"]  # type: ignore[attr-defined]


def test_a_smart_preload_needs_a_lake_or_a_key(vendor: FakeFmp) -> None:
    """Without both, the error names the lake's place."""
    with pytest.raises(NotFound, match="data/lake"):
        FMPProvider().smart_preload_cache(["AAA"])


def test_statistics_are_those_of_the_lake(lake_2021: Lake) -> None:
    """They have the rows and bytes of its tables, its symbols, and the answers in memory."""
    stats = FMPProvider(lake_2021).get_cache_stats()
    status = lake_2021.status()
    assert stats["lake"] == repr(lake_2021)
    assert stats["symbols"] == 3
    assert stats["rows"]["price_data"] == lake_2021.sql("SELECT count(*) FROM price_data").item()
    assert stats["size_bytes"] == status["size_bytes"].sum()
    assert set(stats["memory"]) == {"size_bytes", "limit_bytes", "hits", "misses"}


def test_clearing_forgets_answers_and_no_row(lake_2021: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The warning says that the rows stay, also where a symbol is named."""
    memory = ResultCache(2**20)
    for place in ("factorlab_lake.lake", "factorlab_lake.legacy.cache_methods"):
        monkeypatch.setattr(f"{place}.shared_results", lambda: memory)
    provider = FMPProvider(lake_2021)
    expected = provider.get_prices("AAPL", "2021-03-01")
    assert provider.get_cache_memory_usage()["size_bytes"] == memory.size_bytes > 0
    for arguments in ((), ("AAPL",), ("AAPL", "income_statement")):
        with pytest.warns(LakeWarning, match="the rows of the lake stay") as caught:
            provider.clear_cache(*arguments)
        assert Path(caught[0].filename) == Path(__file__)
    assert memory.size_bytes == 0
    assert provider.get_prices("AAPL", "2021-03-01").equals(expected)


@pytest.mark.parametrize(
    "method", ["preload_cache_from_results", "clear_old_price_cache", "migrate_price_cache"]
)
def test_a_method_without_work_says_so(lake_2021: Lake, method: str) -> None:
    """It accepts any argument, returns that it did no work, and warns."""
    provider = FMPProvider(lake_2021)
    for arguments, named in (((), {}), (({"AAPL": {}}, 30), {"days": 30})):
        with pytest.warns(LakeWarning, match=f"{method} does nothing on a lake: ") as caught:
            assert getattr(provider, method)(*arguments, **named) == 0
        assert Path(caught[0].filename) == Path(__file__)


def test_settings_are_not_optimised(lake_2021: Lake) -> None:
    """The method warns, and returns what there is to see."""
    provider = FMPProvider(lake_2021)
    with pytest.warns(LakeWarning, match="FACTORLAB_RESULT_CACHE_MB"):
        assert provider.optimize_cache_settings(target=0.9) == provider.get_cache_memory_usage()


def test_a_pinned_lake_is_not_warmed(vendor: FakeFmp, lake_2021: Lake) -> None:
    """A lake at an earlier snapshot is read-only, and the error says what to do."""
    with pytest.raises(InvalidInput, match="open the lake again to fetch"):
        FMPProvider(lake_2021.at(1), api_key=KEY).warm_cache("AAA")
