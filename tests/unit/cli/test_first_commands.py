"""Test the first commands of a newcomer: what fails leaves nothing, and what is missing is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import LakeWarning
from factorlab_lake.legacy.parallel.settings import parallel_settings
from factorlab_lake.providers.fmp.settings import fmp_settings
from factorlab_lake.providers.sec.settings import sec_settings
from factorlab_lake.settings import variables
from factorlab_lake.settings.models import settings
from factorlab_lake.storage.layout import layout_at
from factorlab_lake.storage.lock import created_lake
from tests.support import SPLITS
from tests.unit.cli.running import run


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start each test in an empty folder, as a newcomer does."""
    for name in variables("FACTORLAB_"):
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    yield
    settings.cache_clear()


_WRONG = "symbol,date,numerator,denominator\nAAPL,soon,4,1\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("load", "splits", "wrong.csv"),
        ("load", "splits", "absent.csv"),
        ("load", "no_table", "wrong.csv"),
        ("migrate", "absent"),
        ("fetch", "--provider", "nobody", "AAPL"),
        ("fetch", "--provider", "sec", "AAPL"),
    ],
    ids=" ".join,
)
def test_a_first_command_that_fails_leaves_no_lake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """The folder is as before; later commands must not open an empty lake and answer from nothing."""
    monkeypatch.delenv("SEC_USER_AGENT", raising=False)
    (tmp_path / "wrong.csv").write_text(_WRONG)
    assert run("--lake", "new", *arguments, code=1).err.startswith("error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.csv"]
    assert run(*arguments, code=1).err.startswith("error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.csv"]


def test_a_failure_keeps_every_lake_that_is_not_its_own_and_empty(tmp_path: Path) -> None:
    """A lake that was there stays, also an empty one, and so does one in which something was committed."""
    (tmp_path / "wrong.csv").write_text(_WRONG)
    run("--lake", "empty", "init")
    run("--lake", "empty", "load", "splits", "wrong.csv", code=1)
    assert fl.open("empty", create=False).snapshot.id == 0
    with pytest.raises(fl.LakeError), created_lake(layout_at("filled")):
        _load_twice(fl.open("filled"))
    assert fl.open("filled", create=False).sql("SELECT count(*) FROM splits").item() == 4
    (tmp_path / "mine").mkdir()
    run("--lake", "mine", "load", "splits", "wrong.csv", code=1)
    assert not (tmp_path / "mine" / "_lake").exists()


def _load_twice(lake: fl.Lake) -> None:
    lake.load("splits", SPLITS)
    lake.load("splits", "wrong.csv")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("FACTORLAB_LAK", "FACTORLAB_LAKE"),
        ("FACTORLAB_AVAILIBILITY", "FACTORLAB_AVAILABILITY"),
    ],
)
@pytest.mark.parametrize("place", ["environment", "file"])
def test_a_misspelt_variable_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, meant: str, place: str
) -> None:
    """Without the warning, another lake or another rule answers. Its value may be a secret and is hidden."""
    if place == "environment":
        monkeypatch.setenv(name, "secret")
    else:
        (tmp_path / ".env").write_text(f"export {name}=secret\n")
    with pytest.warns(
        LakeWarning, match=rf"The variable {name} is no setting .* Did you mean {meant}\?"
    ) as seen:
        fl.open("new", create=True)
    assert "secret" not in str(seen[0].message)
    assert f"Did you mean {meant}?" in run("--lake", "new", "status").err


def test_a_misspelt_feature_of_the_parallel_run_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The classes of Factor Lab have variables of their own; `config` reads all of them."""
    monkeypatch.setenv("FACTORLAB_DATABASE", "false")
    with pytest.warns(LakeWarning, match=r"Did you mean FACTORLAB_USE_DATABASE\?"):
        parallel_settings()
    assert "Did you mean FACTORLAB_USE_DATABASE?" in run("config").err


@pytest.mark.filterwarnings("error::factorlab_lake.errors.LakeWarning")
def test_other_variables_are_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting of ours, and a variable of another program with our prefix, raise no warning."""
    monkeypatch.setenv("FACTORLAB_RESULT_CACHE_MB", "7")
    monkeypatch.setenv("FACTORLAB_TEST_POSTGRES_DSN", "x")
    fl.open("new", create=True)


def test_misspelt_variables_of_vendors_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt limit of calls would otherwise be the default, and exceed what the plan allows."""
    monkeypatch.setenv("FMP_CALLS_PER_MINUT", "5")
    with pytest.warns(LakeWarning, match=r"Did you mean FMP_CALLS_PER_MINUTE\?"):
        fmp_settings()
    monkeypatch.setenv("SEC_USERAGENT", "x")
    with pytest.warns(LakeWarning, match=r"Did you mean SEC_USER_AGENT\?"):
        sec_settings()


@pytest.mark.parametrize("command", ["caps", "factors", "ttm", "prices", "statements"])
def test_a_symbol_that_is_not_there_is_named(home: Path, command: str) -> None:
    """Each question about it warns with the nearest name; with no other answer the exit code is 1."""
    dates = () if command in ("prices", "statements") else ("--date", "2020-12-31")
    line = "warning: The lake has no data of 'APPL' (did you mean 'AAPL'?).\n"
    assert run(command, "APPL", *dates, code=1).err == line
    assert run(command, "APPL", "AAPL", *dates).err == line


def test_the_columns_of_a_table_are_listed_as_the_help_of_load_says(home: Path) -> None:
    """The help lists what each table needs, and names the command that lists all columns."""
    shown = " ".join(run("load", "--help").out.split())
    command = 'sql "DESCRIBE splits"'
    assert command in shown
    listed = [row["column_name"] for row in run("--json", "sql", "DESCRIBE splits").json]
    assert {"symbol", "date", "numerator", "denominator", "kind"} <= set(listed)
