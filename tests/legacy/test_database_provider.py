"""Test the DatabaseProvider of Factor Lab's plan on a folder and on PostgreSQL, with pandas and polars."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, LakeWarning, SymbolNotHeldWarning
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import DatabaseProvider
from tests.support import CACHE_2021
from tests.unit.sync.postgres_server import Server

SPAN = ("2020-06-01", "2020-12-31")


@pytest.fixture(scope="module")
def apple(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of Apple's sample."""
    lake = fl.open(tmp_path_factory.mktemp("apple") / "lake")
    lake.migrate(CACHE_2021, symbols=["AAPL"])
    return lake


@pytest.fixture(scope="module")
def url(apple: Lake, postgres: Server) -> Iterator[str]:
    """Yield the address of a server to which the lake is synced."""
    with postgres.database() as address:
        apple.sync(address)
        yield address


@pytest.fixture(scope="module", params=["folder", "postgresql"])
def place(request: pytest.FixtureRequest, apple: Lake) -> Any:
    """Return the lake's folder, and then its address."""
    return apple.path if request.param == "folder" else request.getfixturevalue("url")


@pytest.fixture(scope="module")
def provider(place: Any) -> Iterator[DatabaseProvider]:
    """Yield a provider with pandas frames, on a folder and on a server."""
    provider = DatabaseProvider(place)
    yield provider
    close = getattr(provider.lake, "close", None)
    assert close is not None
    close()


def _calls(provider: DatabaseProvider, symbols: Any = "AAPL") -> list[Any]:
    return [
        provider.get_financial_statements(symbols, *SPAN),
        provider.get_financial_ratios(symbols, *SPAN),
        provider.calculate_market_caps_batch(symbols, ["2020-12-31", "2021-03-31"]),
    ]


def test_frames_are_of_pandas_by_default_and_of_polars_by_name(
    provider: DatabaseProvider, place: Any
) -> None:
    """Both have the same rows and columns; the plan's own program reads with pandas."""
    of_polars = DatabaseProvider(place, frames="polars")
    for frame, rows in zip(_calls(provider), _calls(of_polars), strict=True):
        assert isinstance(frame, pd.DataFrame)
        assert isinstance(rows, pl.DataFrame)
        assert (list(frame.columns), len(frame)) == (rows.columns, rows.height)
        assert frame["symbol"].tolist() == rows["symbol"].to_list()
        numbers = [name for name, kind in rows.schema.items() if kind == pl.Float64]
        for name in numbers:
            assert frame[name].tolist() == pytest.approx(
                rows[name].fill_null(float("nan")).to_list(), nan_ok=True
            )
    of_polars.lake.close()  # type: ignore[attr-defined]


def test_json_columns_have_dicts_and_dates_are_days(provider: DatabaseProvider, apple: Lake) -> None:
    """A line item is read by its name, as from a JSONB column; dates compare with timestamps."""
    statements, ratios, caps = _calls(provider)
    annual = statements[(statements["fiscal_period"] == "FY") & (statements["statement_type"] == "income")]
    [text] = apple.statements("AAPL", "2020-09-26", "2020-09-26", types=["income"]).filter(
        fiscal_period="FY"
    )["metrics"]
    [metrics] = annual["metrics"]
    assert metrics == json.loads(text)
    assert (metrics["revenue"], metrics["net_income"]) == (274515000000, 57411000000)
    assert annual["fiscal_date"].tolist() == [pd.Timestamp("2020-09-26")]
    assert ratios["date"].ge(pd.Timestamp("2020-06-01")).all()
    assert caps["date"].tolist() == [pd.Timestamp("2020-12-31"), pd.Timestamp("2021-03-31")]
    assert set(ratios["reasons"].map(type)) <= {dict, type(None)}


def test_a_pivot_of_the_plan_needs_no_conversion(provider: DatabaseProvider) -> None:
    """Market caps of a batch become a table of dates and symbols in one call."""
    caps = provider.calculate_market_caps_batch(["AAPL"], pd.date_range("2020-01-31", periods=12, freq="ME"))
    table = caps.pivot(index="date", columns="symbol", values="market_cap")
    assert table.shape == (12, 1)
    assert table["AAPL"].notna().all()
    assert isinstance(table.index, pd.DatetimeIndex)


def test_symbols_in_small_letters_are_found(provider: DatabaseProvider) -> None:
    """Rows have the lake's spelling, as in a table of a database."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for small, capital in zip(_calls(provider, "aapl"), _calls(provider), strict=True):
            pd.testing.assert_frame_equal(small, capital)


def test_unknown_symbols_are_named(provider: DatabaseProvider) -> None:
    """They have no statements and ratios, and NULL caps with the reason."""
    with pytest.warns(SymbolNotHeldWarning, match="'NOPE'"):
        statements, ratios, caps = _calls(provider, ["AAPL", "NOPE"])
    assert set(statements["symbol"]) == set(ratios["symbol"]) == {"AAPL"}
    unknown = caps[caps["symbol"] == "NOPE"]
    assert (len(unknown), unknown["market_cap"].notna().any(), unknown["reason"].isna().any()) == (
        2,
        False,
        False,
    )


_DAYS: list[Any] = [
    "2020-12-31",
    "2020/12/31",
    "2020-12-31 16:30:00",
    date(2020, 12, 31),
    datetime(2020, 12, 31, 9, 30),  # noqa: DTZ001 - as old code has it
    pd.Timestamp("2020-12-31 12:00"),
]


@pytest.mark.parametrize("day", _DAYS, ids=str)
def test_each_form_of_a_date_is_its_day(apple: Lake, day: Any) -> None:
    """Ranges and batches take texts, dates and moments; a cap is that of the day's close."""
    provider = DatabaseProvider(apple)
    assert provider.calculate_market_caps_batch("AAPL", day)["date"].tolist() == [pd.Timestamp("2020-12-31")]
    frame = provider.get_financial_statements("AAPL", "2020-12-01", day)
    assert set(frame["fiscal_date"]) == {pd.Timestamp("2020-12-26")}
    assert len(provider.get_financial_ratios("AAPL", "2020-12-01", day)) == 1


def test_a_start_after_the_end_is_empty_with_a_warning(apple: Lake) -> None:
    """As BETWEEN in SQL; the columns stay."""
    for frames in ("pandas", "polars"):
        provider = DatabaseProvider(apple, frames=frames)
        for question in (provider.get_financial_statements, provider.get_financial_ratios):
            with pytest.warns(LakeWarning, match="start_date 2020-12-31 is after end_date") as caught:
                rows = question("AAPL", SPAN[1], SPAN[0])
            assert Path(caught[0].filename) == Path(__file__)
            assert len(rows) == 0
            assert "symbol" in rows.columns


def test_without_an_argument_the_default_lake_answers(apple: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is that of FACTORLAB_LAKE."""
    monkeypatch.setenv("FACTORLAB_LAKE", str(apple.path))
    assert len(DatabaseProvider().get_financial_ratios("AAPL", *SPAN)) == 3
    assert repr(DatabaseProvider(apple)) == f"DatabaseProvider({apple!r}, frames='pandas')"


def test_other_frames_are_refused(apple: Lake) -> None:
    """The error lists both kinds."""
    with pytest.raises(InvalidInput, match="frames is 'arrow'; expected one of pandas, polars"):
        DatabaseProvider(apple, frames="arrow")
