"""Test that the provider that switches between lake and cache takes the same calls as the two others."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pandas as pd
import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, SymbolNotHeldWarning
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import DatabaseProvider, DataProvider, FMPProvider
from factorlab_lake.legacy.parallel.settings import parallel_settings
from tests.support import CACHE_2021

CALLS: dict[str, tuple[Any, dict[str, Any]]] = {
    "get_prices": (FMPProvider, {"start_date": "2021/03/01"}),
    "get_fundamental_factors": (FMPProvider, {"start_date": "2021-01", "end_date": "2021-01-29 16:00"}),
    "batch_fetch_statements": (FMPProvider, {"limit": 2}),
    "get_financial_statements": (DatabaseProvider, {"start_date": "2020-06"}),
    "get_financial_ratios": (DatabaseProvider, {"start_date": "2020/06/01"}),
    "calculate_market_caps_batch": (DatabaseProvider, {"dates": ["2020-12-31"]}),
}


SOURCES: dict[str, dict[str, Any]] = {
    "lake": {},
    "cache": {"use_database": False},
    "both": {"cache_symbols": "GOOGL"},
}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of two symbols of the cache, and of nothing that the cache lacks."""
    lake = fl.open(tmp_path_factory.mktemp("sample") / "lake")
    lake.migrate(CACHE_2021, symbols=["AAPL", "GOOGL"])
    return lake


@pytest.fixture(scope="module", params=SOURCES)
def provider(request: pytest.FixtureRequest, sample: Lake) -> Iterator[DataProvider]:
    """Yield a provider that answers from the lake, from the cache, or for one symbol each."""
    settings = parallel_settings(cache_dir=CACHE_2021, **SOURCES[request.param])
    with DataProvider(settings, lake=sample) as each:
        yield each


def _of(provider: DataProvider) -> str:
    settings = provider.settings
    return "both" if settings.cache_symbols else "lake" if settings.use_database else "cache"


def _assert_equal(answer: Any, expected: Any) -> None:
    if isinstance(expected, pd.DataFrame):
        of_the_run = ["fetch_id", "recorded_at", "created_at", "updated_at"]
        left, right = (frame.drop(columns=of_the_run, errors="ignore") for frame in (answer, expected))
        pd.testing.assert_frame_equal(left, right)
    elif isinstance(expected, dict):
        assert list(answer) == list(expected)
        for name in expected:
            _assert_equal(answer[name], expected[name])
    else:
        assert answer == expected


@pytest.mark.parametrize("method", CALLS)
def test_answers_are_those_of_the_class_with_that_method(
    provider: DataProvider, sample: Lake, method: str
) -> None:
    """They are equal for unknown symbols and small letters too, whichever source is used."""
    kind, arguments = CALLS[method]
    symbols = ["aapl", "googl", "NOPE"]
    with pytest.warns(SymbolNotHeldWarning, match="'NOPE'"):
        answer = getattr(provider, method)(symbols, **arguments)
    expected = getattr(kind(sample), method)(symbols, **arguments)
    _assert_equal(answer, expected)
    sources = dict(provider.last_answer.select("symbol", "source").iter_rows())
    apple, google = (sources[name] for name in symbols[:2])
    assert (apple, google) == {
        "lake": ("lake", "lake"),
        "cache": ("cache", "cache"),
        "both": ("lake", "cache"),
    }[_of(provider)]


@pytest.mark.parametrize("method", CALLS)
def test_signatures_are_those_of_the_class_with_that_method(method: str) -> None:
    """The same names, order and defaults, so code may take either class."""
    ours, other = (inspect.signature(getattr(kind, method)) for kind in (DataProvider, CALLS[method][0]))
    assert [p.replace(annotation=p.empty) for p in ours.parameters.values()] == [
        p.replace(annotation=p.empty) for p in other.parameters.values()
    ]


def test_frames_of_polars_are_named(sample: Lake) -> None:
    """The setting is that of DatabaseProvider; methods of FMPProvider always return pandas."""
    with DataProvider(lake=sample, frames="polars") as provider:
        assert isinstance(provider.calculate_market_caps_batch("AAPL", "2020-12-31"), pl.DataFrame)
        assert isinstance(provider.get_prices("AAPL", "2021-03-31"), pd.DataFrame)
    with pytest.raises(InvalidInput, match="frames is 'arrow'; expected one of pandas, polars"):
        DataProvider(lake=sample, frames="arrow")
