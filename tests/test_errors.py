from __future__ import annotations

import inspect
import pickle
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake import errors
from factorlab_lake.errors import InvalidInput, LakeError, NotFound, nearest
from factorlab_lake.lake import Lake

_KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, LakeError)]


@pytest.mark.parametrize("kind", _KINDS, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_with_its_facts(kind: type[LakeError]) -> None:
    """An error that was raised in another process keeps its class, message and facts."""
    fault = kind("what, got, expected", table="splits", row=7)
    back = pickle.loads(pickle.dumps(fault))
    assert type(back) is kind
    assert str(back) == "what, got, expected"
    assert vars(back) == {"table": "splits", "row": 7, "facts": {"table": "splits", "row": 7}}


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.InvalidInput, ValueError),
        (errors.NotFound, LookupError),
        (errors.AlreadyExists, ValueError),
        (errors.LakeLocked, TimeoutError),
        (errors.LakeDamaged, RuntimeError),
        (errors.TargetFailed, ConnectionError),
        (errors.UnreadableFile, ValueError),
        (errors.Forked, RuntimeError),
        (errors.MissingExtra, ImportError),
    ],
)
def test_an_error_is_also_the_builtin_one_expects(kind: type[LakeError], builtin: type[Exception]) -> None:
    """Code without an import of this package can catch its errors by their builtin class."""
    assert issubclass(kind, builtin)
    assert issubclass(kind, LakeError)


def test_a_password_in_an_address_shows_in_no_error() -> None:
    """The error for an invalid address does not contain its password."""
    with pytest.raises(InvalidInput) as caught:
        fl.open("mysql://me:s3cret-word@host/db?apikey=k3y-word")
    shown = f"{caught.value!s} {caught.value!r} {caught.value.facts}"
    assert "s3cret-word" not in shown
    assert "k3y-word" not in shown


def test_a_real_error_carries_its_facts(tmp_path: Path, lake: Lake) -> None:
    """An error has its facts as attributes, so no caller parses the message."""
    with pytest.raises(NotFound) as missing:
        fl.open(tmp_path / "nowhere", create=False)
    assert missing.value.facts == {"path": str(tmp_path / "nowhere")}
    with pytest.raises(NotFound) as unknown:
        lake.at(12)
    assert unknown.value.facts == {"snapshot": 12}


@pytest.mark.parametrize(
    ("name", "expected"), [("price_dat", " Did you mean 'price_data'?"), ("xyzzy", ""), ("", "")]
)
def test_the_nearest_name_is_offered_only_when_it_is_near(name: str, expected: str) -> None:
    """A typing error gets a suggestion; an unrelated name gets none."""
    assert nearest(name, ["price_data", "splits"]) == expected
