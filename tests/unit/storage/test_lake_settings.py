"""Test the settings of a lake, which ``lake.json`` stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, LakeDamaged
from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.lake import Lake
from factorlab_lake.query.result_cache import ResultCache
from factorlab_lake.settings.models import settings as process_settings
from factorlab_lake.storage.lake_settings import LakeSettings
from factorlab_lake.storage.sealed import parse
from tests.lake_changes import change_sealed
from tests.support import Entry, answer, arrive, income, writing

# Accepted at 18:06 in New York on 2020-10-29: after the close.
_CLOSE, _SAME_DAY = "2020-10-30", "2020-10-29"


@pytest.fixture
def filed(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """Return a lake with one statement; no setting of the process is set."""
    monkeypatch.delenv("FACTORLAB_AVAILABILITY", raising=False)
    monkeypatch.chdir(tmp_path)
    process_settings.cache_clear()
    arrive(lake, tmp_path, Entry("AAPL", "income", [income("2020-09-26")]))
    yield lake
    process_settings.cache_clear()


def _available(lake: Lake) -> str:
    day: str = lake.sql("SELECT available_date::VARCHAR FROM income_statements").item()
    return day


def _body(lake: Lake) -> dict[str, Any]:
    body = parse((lake.path / "_lake" / "lake.json").read_bytes())
    assert body is not None
    return body


def test_a_new_lake_has_the_defaults(lake: Lake) -> None:
    """A file without settings, such as that of an older version, means the defaults."""
    assert lake.settings == LakeSettings("close", ("file", "fmp", "sec"))
    assert set(_body(lake)) == {"format", "lake_id"}


def test_settings_are_stored_beside_the_identity(lake: Lake) -> None:
    """A change of one setting leaves the other one and the identity; other processes read both."""
    before = _body(lake)
    assert lake.configure(availability="2") == LakeSettings(2, ("file", "fmp", "sec"))
    other = fl.open(lake.path)
    assert other.configure(provider_order=["sec", "file"]) == LakeSettings(2, ("sec", "file"))
    assert lake.settings == other.settings == fl.open(lake.path).settings
    assert _body(lake) == before | {"availability": 2, "provider_order": ["sec", "file"]}


def test_a_change_to_the_same_settings_writes_nothing(lake: Lake) -> None:
    """Without a change, the file stays as it is."""
    lake.configure(availability="close")
    lake.configure()
    assert set(_body(lake)) == {"format", "lake_id"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"availability": "sameday"}, "availability is 'sameday'.* Did you mean 'same_day'"),
        ({"availability": -1}, "availability is -1; expected 'close', 'same_day' or a lag"),
        ({"availability": True}, "availability is True"),
        ({"provider_order": "fmp"}, r"provider_order is 'fmp'; expected the names of providers, such as \["),
        ({"provider_order": []}, "provider_order has no name"),
        ({"provider_order": ["fmp", "file", "fmp"]}, "provider_order has 'fmp' more than once"),
        ({"provider_order": ["fmp", ""]}, "provider_order has the name ''"),
        ({"provider_order": ["fmp", 7]}, "provider_order has the name 7"),
        ({"provider_order": ["fmp,file"]}, "provider_order has the name 'fmp,file'"),
        ({"availability": "same_day", "provider_order": 5}, "provider_order is 5"),
    ],
)
def test_an_invalid_setting_is_refused(lake: Lake, change: dict[str, Any], message: str) -> None:
    """The error names the setting, the value and what is expected; no setting changes."""
    with pytest.raises(InvalidInput, match=message):
        lake.configure(**change)
    assert set(_body(lake)) == {"format", "lake_id"}


@pytest.mark.parametrize(
    "setting",
    [{"availability": "never"}, {"availability": None}, {"provider_order": "fmp"}, {"provider_order": []}],
)
def test_invalid_settings_in_the_file_are_damage(lake: Lake, setting: dict[str, Any]) -> None:
    """Opening raises, because the default would silently be another rule."""
    change_sealed(lake.path / "_lake" / "lake.json", **setting)
    with pytest.raises(
        LakeDamaged, match=r"lake\.json has invalid settings: .*Restore the file from a backup"
    ):
        fl.open(lake.path)


def test_a_lake_opens_with_its_own_rule(filed: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test that the environment wins over the lake's rule, and an argument wins over both."""
    filed.configure(availability="same_day")
    assert (fl.open(filed.path).availability, _available(fl.open(filed.path))) == ("same_day", _SAME_DAY)
    assert _available(fl.open(filed.path, availability="close")) == _CLOSE
    monkeypatch.setenv("FACTORLAB_AVAILABILITY", "3")
    assert fl.open(filed.path).availability == 3
    assert fl.open(filed.path, availability="close").availability == "close"


def test_a_file_of_other_settings_leaves_the_lakes_rule(filed: Lake) -> None:
    """A ``.env`` file without the rule sets no rule."""
    filed.configure(availability="same_day")
    Path(".env").write_text("FACTORLAB_POOL_SIZE=2\n")
    assert fl.open(filed.path).availability == "same_day"


def test_open_lakes_follow_a_change(filed: Lake) -> None:
    """The lake that changes the rule has it at once, others after a refresh; a rule of their own stays."""
    other, explicit = fl.open(filed.path), fl.open(filed.path, availability=1)
    assert _available(filed) == _available(other) == _CLOSE
    filed.configure(availability="same_day")
    assert _available(filed) == _SAME_DAY
    assert _available(other) == _CLOSE
    assert _available(other.refresh()) == _SAME_DAY
    assert explicit.refresh().availability == 1
    explicit.configure(availability=5)
    assert (explicit.availability, filed.refresh().availability) == (1, 5)


def test_open_lakes_follow_a_change_of_the_order(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new order of providers changes what a session and the result cache answer, as a new rule does."""
    results = ResultCache(10**6)
    monkeypatch.setattr("factorlab_lake.lake.shared_results", lambda: results)
    with writing(lake) as tx:
        answers = [answer("income", [income("2020-09-26")], provider=name) for name in ("fmp", "other")]
        merge_batch(tx, answers)
    lakes = lake.refresh(), fl.open(lake.path)
    without_session = fl.open(lake.path)

    def providers(of: Lake) -> set[str]:
        frames = of.ttm("AAPL", "2020-12-31"), of.quarters("AAPL"), of.sql("FROM quarter_history")
        return {frame["statement_provider"][0] for frame in frames}

    assert [providers(each) for each in lakes] == [{"fmp"}, {"fmp"}]
    lake.configure(provider_order=["other"])
    assert [providers(each) for each in lakes] == [{"other"}, {"fmp"}]
    assert providers(lakes[1].refresh()) == {"other"}
    lake.repair()  # now the files have the rows of the new order
    results.clear()
    assert providers(without_session) == {"fmp"}
    assert providers(fl.open(lake.path)) == {"other"}
    assert results.hits


def test_the_single_file_has_the_order_of_the_lake(lake: Lake) -> None:
    """``lake.duckdb`` follows each change of the order, also back to one whose rows the files have."""
    with writing(lake) as tx:
        answers = [answer("income", [income("2020-09-26")], provider=name) for name in ("fmp", "other")]
        merge_batch(tx, answers)
    lake.refresh().catalog()
    for order, provider in ((["other"], "other"), (["file", "fmp"], "fmp"), (["other", "fmp"], "other")):
        lake.configure(provider_order=order)
        with duckdb.connect(str(lake.path / "lake.duckdb"), read_only=True) as con:
            shown = con.sql(
                "SELECT DISTINCT statement_provider, provider_order FROM quarter_history, lake_snapshot"
            )
            assert shown.fetchall() == [(provider, ", ".join(order))]


def test_the_single_file_has_the_rule_of_the_lake(filed: Lake) -> None:
    """``lake.duckdb`` is rewritten when the rule changes, and keeps it over later changes of the lake."""
    explicit = fl.open(filed.path, availability=7)
    split = {"date": ["2020-01-02"], "numerator": [2], "denominator": [1]}
    day = "(SELECT available_date::VARCHAR FROM income_statements)"
    for rule, expected in (("same_day", _SAME_DAY), ("close", _CLOSE), (2, "2020-10-31")):
        explicit.configure(availability=rule)
        for symbol in (None, f"X{rule}".upper()):
            if symbol is not None:
                explicit.load("splits", {"symbol": [symbol]} | split)
            with duckdb.connect(str(filed.path / "lake.duckdb"), read_only=True) as con:
                shown = con.sql(f"SELECT availability, {day} FROM lake_snapshot")
                assert shown.fetchall() == [(str(rule), expected)]


def test_a_backup_has_the_settings(filed: Lake, tmp_path: Path) -> None:
    """A backup and its restored copy have the settings; a backup itself cannot be configured."""
    filed.configure(availability="same_day")
    filed.backup(tmp_path / "backup")
    filed.configure(provider_order=["sec"])
    filed.backup(tmp_path / "backup")
    expected = LakeSettings("same_day", ("sec",))
    backup = fl.open(tmp_path / "backup")
    assert backup.settings == fl.restore(tmp_path / "backup", tmp_path / "restored").settings == expected
    with pytest.raises(InvalidInput, match="is a backup"):
        backup.configure(availability="close")


def test_a_pinned_lake_is_not_configured(filed: Lake) -> None:
    """Settings belong to the lake, not to a snapshot."""
    with pytest.raises(InvalidInput, match="pinned to snapshot 1 by at"):
        filed.at(1).configure(availability="same_day")
