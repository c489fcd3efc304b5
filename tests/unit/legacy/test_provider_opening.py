"""Where Factor Lab's classes get their lake from, and what they need to be there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import factorlab_lake.legacy
from factorlab_lake.errors import InvalidInput, LakeError, MissingExtra, NotFound, SymbolNotHeldWarning
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import DatabaseProvider, FMPProvider
from tests.support import run_python

PROVIDERS: list[Any] = [FMPProvider, DatabaseProvider]


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_provider_takes_a_path_or_an_open_lake(kind: Any, lake_2021: Lake) -> None:
    """A path, as text or not, is opened at its newest snapshot; an open lake is used as it is."""
    assert kind(lake_2021).lake is lake_2021
    for place in (lake_2021.path, str(lake_2021.path)):
        assert kind(place).lake.path == lake_2021.path
    frames = ", frames='pandas'" if kind is DatabaseProvider else ""
    assert repr(kind(lake_2021)) == f"{kind.__name__}({lake_2021!r}{frames})"


def test_a_provider_on_a_pinned_lake_answers_as_of_that_snapshot(lake_2021: Lake) -> None:
    """Snapshot 0 is the empty lake: the provider on it knows nothing of what came later."""
    with pytest.warns(SymbolNotHeldWarning, match="'AAPL'"):
        assert FMPProvider(lake_2021.at(0)).get_prices("AAPL").empty
    assert not FMPProvider(lake_2021).get_prices("AAPL").empty


def test_a_key_in_place_of_a_database_is_not_repeated() -> None:
    """A text that names no folder may be a key; the error must not repeat it."""
    with pytest.raises(NotFound) as caught:
        DatabaseProvider("s3cretKeyOfTheProvider")
    assert "s3cretKeyOfTheProvider" not in f"{caught.value!r} {vars(caught.value)}"
    assert "path of a lake" in str(caught.value)


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_provider_makes_no_lake(kind: Any, tmp_path: Path) -> None:
    """A path without a lake is an error, not an empty lake."""
    with pytest.raises(NotFound):
        kind(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("kind", PROVIDERS)
@pytest.mark.parametrize("argument", [7, ["data/lake"]])
def test_what_is_no_lake_is_refused(kind: Any, argument: Any) -> None:
    """The error names the type of the argument and the expected ones."""
    with pytest.raises(
        InvalidInput, match=f"A {type(argument).__name__} is no lake; pass an open lake, or the path"
    ):
        kind(argument)


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_password_in_an_address_shows_in_no_error(kind: Any) -> None:
    """An address that cannot be opened is refused without repeating its password."""
    with pytest.raises(LakeError) as caught:
        kind("mysql://me:s3cret-word@host/db")
    assert "s3cret-word" not in f"{caught.value!s} {caught.value!r} {caught.value.facts}"


def test_without_pandas_the_error_says_how_to_install_it(
    lake_2021: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without pandas only what returns its frames raises; polars frames are usable."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match=r"pip install 'factorlab-lake\[pandas\]'") as caught:
        FMPProvider(lake_2021)
    assert caught.value.facts == {"extra": "pandas"}
    assert isinstance(caught.value, ImportError)
    with pytest.raises(MissingExtra, match=r'use DatabaseProvider\(frames="polars"\)'):
        DatabaseProvider(lake_2021)
    provider = DatabaseProvider(lake_2021, frames="polars")
    assert provider.calculate_market_caps_batch("AAPL", "2021-03-31").height == 1


def test_importing_the_classes_loads_no_pandas() -> None:
    """The package of the old cache does not import pandas or DuckDB, and its classes do not import pandas."""
    done = run_python(
        "import sys, factorlab_lake.legacy as legacy\n"
        "print([m for m in ('pandas', 'duckdb', 'polars') if m in sys.modules])\n"
        "from factorlab_lake.legacy import DatabaseProvider, FMPProvider\n"
        "print([m for m in ('pandas',) if m in sys.modules])"
    )
    assert (done.stdout.split("\n"), done.stderr) == (["[]", "[]", ""], "")


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """A misspelt class fails as on any module, naming it."""
    with pytest.raises(AttributeError, match="'FMPprovider'"):
        factorlab_lake.legacy.FMPprovider  # noqa: B018
