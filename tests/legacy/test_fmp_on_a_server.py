"""Test that FMPProvider answers from PostgreSQL as from the lake's folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, SymbolNotHeldWarning
from factorlab_lake.legacy import FMPProvider
from tests.support import CACHE_2021
from tests.unit.sync.postgres_server import PASSWORD, Server

SYMBOLS = ["aapl", "NOPE"]
CALLS: dict[str, dict[str, Any]] = {
    "get_prices": {"start_date": "2021/03/01", "price_type": "adjClose"},
    "get_fundamental_factors": {"start_date": "2021-01", "end_date": "2021-03-31 16:00"},
    "batch_fetch_statements": {"limit": 3},
    "get_fundamentals": {},
}


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory, postgres: Server
) -> Iterator[tuple[FMPProvider, FMPProvider]]:
    """Yield a provider on a folder and one on the server to which the lake is synced."""
    lake = fl.open(tmp_path_factory.mktemp("server") / "lake")
    lake.migrate(CACHE_2021, symbols=["AAPL"])
    with postgres.database() as url:
        lake.sync(url)
        shared = FMPProvider(url, api_key="demo")
        yield FMPProvider(lake), shared
        shared.lake.close()  # type: ignore[attr-defined]


def _assert_equal(left: Any, right: Any) -> None:
    if isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right, rtol=1e-12)
    elif isinstance(left, dict):
        assert list(left) == list(right)
        for name in left:
            _assert_equal(left[name], right[name])
    elif isinstance(left, list):
        for one, other in zip(left, right, strict=True):
            _assert_equal(one, other)
    else:
        assert left == (pytest.approx(right, rel=1e-12) if isinstance(right, float) else right)


@pytest.mark.parametrize("method", CALLS)
def test_answers_are_those_of_the_folder(both: tuple[FMPProvider, FMPProvider], method: str) -> None:
    """Each method has equal results, for small letters and unknown symbols too."""
    answers = []
    for provider in both:
        with pytest.warns(SymbolNotHeldWarning, match="'NOPE'"):
            answers.append(getattr(provider, method)(SYMBOLS, **CALLS[method]))
    _assert_equal(*answers)


def test_statistics_have_no_password_and_a_fetch_needs_a_folder(
    both: tuple[FMPProvider, FMPProvider],
) -> None:
    """Rows are counted on the server; only a lake in a folder can be warmed."""
    local, shared = both
    stats = shared.get_cache_stats()
    assert stats["rows"]["price_data"] == local.get_cache_stats()["rows"]["price_data"]
    assert PASSWORD not in f"{stats} {shared!r} {vars(shared)}"
    with pytest.raises(InvalidInput, match="fetch needs a lake in a folder"):
        shared.warm_cache("AAPL")
