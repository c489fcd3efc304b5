"""Test how Factor Lab's code opens its FMPProvider, and that no key shows."""

from __future__ import annotations

import os
import pickle
import traceback
from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.errors import InvalidInput, LakeError, LakeWarning, NotFound
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import FMPProvider
from tests.support import run_python

KEY = "0123456789abcdefSECRETkeyOfFMP12"


@pytest.fixture(autouse=True)
def _default_lake(lake_2021: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the sample the lake of FACTORLAB_LAKE, and set no key."""
    monkeypatch.setenv("FACTORLAB_LAKE", str(lake_2021.path))
    monkeypatch.delenv("FMP_API_KEY", raising=False)


@pytest.mark.parametrize(
    ("arguments", "named", "key"),
    [
        ((), {}, ""),
        ((None,), {}, ""),
        (("",), {}, ""),
        ((KEY,), {}, KEY),
        ((), {"api_key": KEY}, KEY),
        ((), {"api_key": None}, ""),
    ],
)
def test_without_a_lake_the_default_one_answers(
    lake_2021: Lake, arguments: tuple[Any, ...], named: dict[str, Any], key: str
) -> None:
    """The lake of FACTORLAB_LAKE is used with or without a key, as text or by name."""
    provider = FMPProvider(*arguments, **named)
    assert (provider.name, provider.api_key) == ("fmp", key)
    assert provider.get_prices("AAPL", "2021-03-31", "2021-03-31").shape == (1, 1)
    assert Path(provider.lake.path) == lake_2021.path  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", [str, Path, os.fspath])
def test_a_path_is_a_lake_also_beside_a_key(lake_2019: Lake, form: Any) -> None:
    """The path of a lake wins over the setting; the key may be named beside it."""
    provider = FMPProvider(form(lake_2019.path), api_key=KEY)
    assert Path(provider.lake.path) == lake_2019.path  # type: ignore[attr-defined]
    assert FMPProvider(KEY, lake=lake_2019).lake is lake_2019
    assert FMPProvider(lake=lake_2019).lake is lake_2019


def test_a_folder_by_its_bare_name_is_a_lake(
    lake_2019: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text without a slash is a lake if its folder is one; one misspelt letter is no key."""
    (tmp_path / "mylake").symlink_to(lake_2019.path)
    monkeypatch.chdir(tmp_path)
    assert FMPProvider("mylake").get_prices("AAPL", "2019-12-31").shape == (1, 1)
    with pytest.raises(NotFound, match=r"there is one at .*mylake; did you mean that") as caught:
        FMPProvider("mylaek")
    assert "mylaek" not in f"{caught.value!r} {caught.value.facts}"


@pytest.mark.parametrize("text", ["demo", "lake_of_another_folder", "my.lake"])
def test_a_text_that_is_neither_a_lake_nor_like_a_key_is_a_key_with_a_warning(text: str) -> None:
    """It may be a lake of another working folder; the warning does not repeat it, and names both ways."""
    with pytest.warns(LakeWarning, match=r"names no lake here.*default lake answers.*api_key=") as caught:
        provider = FMPProvider(text)
    assert provider.api_key == text
    assert text not in str(caught[0].message)
    assert Path(caught[0].filename) == Path(__file__)
    assert FMPProvider(api_key=text).api_key == text


def test_a_cache_configuration_is_accepted_with_a_warning() -> None:
    """Factor Lab's second argument is the configuration of its file cache, which a lake does not have."""
    with pytest.warns(LakeWarning, match="cache_config has no effect"):
        provider = FMPProvider(KEY, {"ttl": 3600})
    assert provider.api_key == KEY
    with pytest.warns(LakeWarning, match="cache_config has no effect"):
        FMPProvider(api_key=KEY, cache_config=object())


def test_a_key_shows_nowhere() -> None:
    """Neither the text of the object nor its attributes nor a pickle has the key; the call returns it."""
    provider = FMPProvider(KEY)
    shown = f"{provider!r} {provider} {vars(provider)} {provider.get_cache_stats()}"
    assert KEY not in shown
    copied = pickle.dumps(provider)
    assert KEY.encode() not in copied
    again: FMPProvider = pickle.loads(copied)
    assert again.api_key == ""
    assert again.get_prices("AAPL", "2021-03-31").shape == (1, 1)
    provider.api_key = "another"
    assert provider.api_key == "another"


def test_an_opened_provider_is_pickled_with_its_lake(lake_2019: Lake) -> None:
    """The other process answers from the same lake."""
    provider = FMPProvider(lake_2019, api_key=KEY)
    copied = pickle.dumps(provider)
    assert KEY.encode() not in copied
    again: FMPProvider = pickle.loads(copied)
    assert Path(again.lake.path) == lake_2019.path  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "named", "message"),
    [
        ((KEY,), {"api_key": KEY}, "The first argument is a key, and so is api_key="),
        (("data/lake",), {"lake": "data/lake"}, "The first argument is a lake, and so is lake="),
        ((), {"api_key": 7}, "api_key is a int; expected a text"),
        ((), {"api_key": [KEY]}, "api_key is a list; expected a text"),
    ],
)
def test_two_lakes_or_keys_are_refused(
    arguments: tuple[Any, ...], named: dict[str, Any], message: str
) -> None:
    """The error names the arguments and repeats no key."""
    with pytest.raises(InvalidInput, match=message) as caught:
        FMPProvider(*arguments, **named)
    assert KEY not in f"{caught.value!r} {caught.value.facts}"


@pytest.mark.parametrize("named", [False, True])
def test_without_a_lake_the_first_question_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, named: bool
) -> None:
    """Creating a provider needs no lake, as a program may only use another; a question names the place."""
    monkeypatch.setenv("FACTORLAB_LAKE", str(tmp_path / "nowhere"))
    provider = FMPProvider(api_key=KEY) if named else FMPProvider(KEY)
    with pytest.raises(NotFound, match="nowhere") as caught:
        provider.get_prices("AAPL")
    assert KEY not in "".join(traceback.format_exception(caught.value)) + f"{caught.value.facts}"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("place", ["no/such/lake", "postgresql://me:s3cret-word@127.0.0.1:1/db"])
def test_a_place_that_cannot_be_opened_is_an_error_at_once(place: str) -> None:
    """A path or an address is opened when the provider is created; the error hides a password."""
    with pytest.raises(LakeError) as caught:
        FMPProvider(place)
    assert "s3cret-word" not in f"{caught.value!r} {caught.value.facts}"


def test_the_key_of_the_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key of its own, a provider has that of FMP_API_KEY; its own wins."""
    monkeypatch.setenv("FMP_API_KEY", "of-the-environment")
    assert FMPProvider().api_key == "of-the-environment"
    assert FMPProvider(KEY).api_key == KEY
    assert "of-the-environment" not in repr(vars(FMPProvider()))


def test_factor_labs_data_manager_uses_the_provider_as_it_is() -> None:
    """A dictionary of providers without arguments, whose prices are called with positions or names."""
    done = run_python(
        "from factorlab_lake.legacy import FMPProvider\n"
        "providers = {'fmp': FMPProvider()}\n"
        "a = providers['fmp'].get_prices(['AAPL'], '2021-03-01', '2021-03-31')\n"
        "b = providers['fmp'].get_prices(symbols=['AAPL'], start_date='2021-03-01', end_date='2021-03-31')\n"
        "print(a.equals(b), a.shape)"
    )
    assert (done.stdout, done.stderr) == ("True (23, 1)\n", "")
