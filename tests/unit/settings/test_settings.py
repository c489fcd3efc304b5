"""Test how settings are read from the environment and a ``.env`` file."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from factorlab_lake.errors import InvalidInput
from factorlab_lake.legacy.parallel.settings import ParallelSettings
from factorlab_lake.settings import configured
from factorlab_lake.settings.models import Settings, settings


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Start each test in an empty folder, without cached settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FACTORLAB_RESULT_CACHE_MB", raising=False)
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_an_unset_setting_is_none_and_imports_no_pydantic() -> None:
    """A process without settings does not pay for the import of pydantic."""
    code = (
        "import sys; from factorlab_lake.settings import configured; "
        "assert configured('result_cache_mb') is None; print('pydantic' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "False"


def test_a_dotenv_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file sets the value, and an environment variable replaces it."""
    Path(".env").write_text("FACTORLAB_RESULT_CACHE_MB=7\n", encoding="utf-8")
    assert configured("result_cache_mb") == 7
    settings.cache_clear()
    monkeypatch.setenv("FACTORLAB_RESULT_CACHE_MB", "8")
    assert configured("result_cache_mb") == 8


def test_an_invalid_setting_raises_invalid_input_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the setting and the reason; the value may be a secret, so it is not in the message."""
    monkeypatch.setenv("FACTORLAB_RESULT_CACHE_MB", "secret")
    with pytest.raises(InvalidInput, match=r"^FACTORLAB_RESULT_CACHE_MB: .*integer") as caught:
        configured("result_cache_mb")
    assert caught.value.facts == {"settings": ["FACTORLAB_RESULT_CACHE_MB"]}
    assert "secret" not in str(caught.value)


def test_an_invalid_setting_says_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the line of the file, or the variable."""
    Path(".env").write_text("# made\nFACTORLAB_RESULT_CACHE_MB=many\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"\(\.env, line 2\)\.$"):
        configured("result_cache_mb")
    monkeypatch.setenv("FACTORLAB_RESULT_CACHE_MB", "more")
    with pytest.raises(InvalidInput, match=r"\(variable FACTORLAB_RESULT_CACHE_MB\)\.$"):
        configured("result_cache_mb")


def test_a_dotenv_file_does_not_change_the_availability_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beside the data must not make answers look ahead; the environment may."""
    Path(".env").write_text("FACTORLAB_AVAILABILITY=same_day\nFACTORLAB_POOL_SIZE=3\n", encoding="utf-8")
    assert (configured("availability"), configured("pool_size")) == (None, 3)
    settings.cache_clear()
    monkeypatch.setenv("FACTORLAB_AVAILABILITY", "same_day")
    assert configured("availability") == "same_day"


_SECRET = "s3cret-word"
_ADDRESSES = [
    "postgresql://me:{}@host/db",
    "postgresql://me:12/{}@host/db",
    "postgresql://me:x@{}@host:5432/db",
    "postgresql://me@host/db?password={}",
    "postgresql://me@host/db?passwort={}",
]


def _all_texts(of: Settings | ParallelSettings) -> str:
    pickles = [pickle.dumps(of, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    return f"{of!r} {of} {of.model_dump()} {of.model_dump_json()} {of.__reduce__()} {pickles}"


@pytest.mark.parametrize("kind", [Settings, ParallelSettings])
@pytest.mark.parametrize("address", _ADDRESSES)
def test_an_address_with_a_password_is_in_no_text_and_no_pickle(
    kind: type[Settings | ParallelSettings], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process takes the address from its own environment, or is refused; it opens no other lake."""
    secret = address.format(_SECRET)
    monkeypatch.setenv("FACTORLAB_LAKE", secret)
    set_by_environment = kind()
    assert set_by_environment.lake == secret
    assert _SECRET not in _all_texts(set_by_environment)
    assert "postgresql://***" in repr(set_by_environment)
    data = pickle.dumps(set_by_environment)
    assert pickle.loads(data).lake == secret
    monkeypatch.delenv("FACTORLAB_LAKE")
    with pytest.raises(InvalidInput, match="Set FACTORLAB_LAKE in the environment of this process"):
        pickle.loads(data)


def test_a_place_without_a_password_is_shown_and_pickled() -> None:
    """A folder, and an address whose password comes from elsewhere, are no secret."""
    for place in ("data/other", "postgresql://me@host:5432/db", "postgresql://host:5432/db"):
        one = ParallelSettings(lake=place, database_percent=25)
        assert pickle.loads(pickle.dumps(one)) == one
        assert place in repr(one)
        assert one.model_dump()["lake"] == place


def test_an_error_of_pydantic_has_no_value() -> None:
    """The classes themselves raise errors without the input, which may be a secret."""
    for kind in (Settings, ParallelSettings):
        with pytest.raises(ValidationError) as refused:
            kind(lake=[_SECRET])
        assert _SECRET not in str(refused.value)
