"""Test that commands use an environment, show where settings come from, and hide secrets."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

import factorlab_lake as fl
from factorlab_lake.legacy import DataProvider
from factorlab_lake.legacy.parallel.settings import parallel_settings
from factorlab_lake.settings.environments import find
from tests.support import CACHE_2021
from tests.unit.cli.running import run
from tests.unit.settings.environment_files import FILE, PASSWORD, TWO, use, write

pytestmark = pytest.mark.usefixtures("project")


def test_command_line_library_and_data_provider_read_the_same_lake(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lake_2021: fl.Lake
) -> None:
    """One file chooses the lake of all three, and its features whether the provider uses it."""
    write(TWO.replace("use_database: false", "use_database: true").replace("data/dev", str(lake_2021.path)))
    cap = lake_2021.market_caps("AAPL", "2020-12-31")["market_cap"].item()
    assert fl.open().market_caps("AAPL", "2020-12-31")["market_cap"].item() == cap
    assert run("--json", "caps", "AAPL", "--date", "2020-12-31").json[0]["market_cap"] == cap
    with DataProvider(parallel_settings(cache_dir=CACHE_2021)) as provider:
        caps = provider.calculate_market_caps_batch(["AAPL"], ["2020-12-31"])
        assert [float(value) for value in caps["market_cap"]] == [cap]
        assert (provider.counts.from_lake, provider.counts.from_cache) == (1, 0)
        assert provider.counts.compared == 0
    write(FILE.read_text("utf-8").replace("migration_mode: false", "migration_mode: true"))
    with DataProvider(parallel_settings(cache_dir=CACHE_2021)) as provider:
        provider.calculate_market_caps_batch(["AAPL"], ["2020-12-31"])
        assert (provider.counts.from_lake, provider.counts.compared) == (1, 1)
    write(TWO)  # use_database is off, and its lake does not exist
    with DataProvider(parallel_settings(cache_dir=CACHE_2021)) as provider:
        provider.calculate_market_caps_batch(["AAPL"], ["2020-12-31"])
        assert (provider.counts.from_lake, provider.counts.from_cache) == (0, 1)
    elsewhere = write(TWO.replace("data/dev", str(lake_2021.path)), tmp_path / "own.yaml")
    assert (
        run("caps", "AAPL", "--date", "2020-12-31", "--config", elsewhere, "--env", "development").code == 0
    )
    assert fl.open(config=elsewhere, env="development").path == lake_2021.path


def test_a_missing_variable_ends_a_command_in_one_line() -> None:
    """The exit code is 1, and the line names the variable."""
    write(TWO)
    done = run("--env", "production", "status", code=1)
    assert done.err.count("\n") == 1
    assert "production.database.password needs the variable DB_PASSWORD" in done.err


def test_a_command_that_needs_a_folder_says_where_the_server_s_address_comes_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A fetch into the server of an environment names the option that selects a folder."""
    write(TWO)
    use(monkeypatch, DB_PASSWORD=PASSWORD)
    done = run("--env", "production", "fetch", "AAPL", "--dry-run", code=1)
    assert "this needs a folder; add --lake FOLDER. `factorlab-lake config` shows where" in done.err


def rows_of(*arguments: object, code: int = 0) -> dict[str, tuple[Any, str]]:
    """Return what `config` prints, by setting."""
    return {r["setting"]: (r["value"], r["source"]) for r in run("--json", *arguments, code=code).json}


def test_config_shows_each_value_and_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value is of an argument, a variable, a line of a file or the default; the strongest one is shown."""
    write(TWO)
    Path(".env").write_text(
        "# mine\nFACTORLAB_POOL_SIZE=3\nFACTORLAB_AVAILABILITY=same_day\n", encoding="utf-8"
    )
    use(monkeypatch, FACTORLAB_CACHE_DIR="old", PARALLEL_RUN="1", DB_PASSWORD=PASSWORD, FMP_API_KEY="k3y")
    rows = rows_of("config", "--env", "production")
    where = "config/environments.yaml, line"
    assert rows["FACTORLAB_ENV"] == ("production", "argument --env")
    assert rows["FACTORLAB_CACHE_DIR"] == ("old", "variable FACTORLAB_CACHE_DIR")
    assert rows["FACTORLAB_POOL_SIZE"] == ("3", ".env, line 2")
    assert rows["FACTORLAB_POOL_OVERFLOW"] == ("10", f"{where} 18: production.database.max_overflow")
    assert rows["FACTORLAB_MIGRATION_MODE"] == ("true", f"{where} 22: production.features.migration_mode")
    assert rows["FACTORLAB_AVAILABILITY"] == (None, "default")  # .env cannot set it
    assert rows["FACTORLAB_RESULT_CACHE_MB"] == ("256", "default")
    assert rows["FMP_API_KEY"] == ("***", "variable FMP_API_KEY")
    shown = "postgresql://reader%40home:***@db.example:5433/factor%20lab"
    assert rows["FACTORLAB_LAKE"] == (shown, f"{where} 11: production.database")
    assert rows["production.database.password"] == ("***", f"{where} 16")
    assert rows["production.database.host"] == ("db.example", f"{where} 12")
    assert rows_of("--lake", "here", "config")["FACTORLAB_LAKE"] == ("here", "argument --lake")
    use(monkeypatch, FACTORLAB_LAKE="postgresql://me:hunter2@host/db")
    assert rows_of("config")["FACTORLAB_LAKE"] == ("postgresql://***", "variable FACTORLAB_LAKE")
    table = run("config").out
    assert "development.database.provider" in table
    assert "hunter2" not in table
    assert "k3y" not in table


def test_config_shows_the_rest_when_a_variable_is_missing() -> None:
    """The key's row has no value; the exit code is 1, and one line says which variable to set."""
    write(TWO)
    done = run("--json", "--env", "production", "config", code=1)
    values = {row["setting"]: row["value"] for row in done.json}
    assert values["production.database.password"] is None
    assert values["production.features.migration_mode"] is None
    assert (values["production.database.port"], values["FACTORLAB_POOL_SIZE"]) == ("5433", "5")
    assert "needs the variable" in done.err


def test_config_hides_an_address_in_the_place_of_a_folder() -> None:
    """An address with a password as `database` is an error, and is not shown."""
    write("p:\n  database:\n    provider: duckdb\n    database: postgresql://me:s3cr3t@host/d\n")
    done = run("config", code=1)
    assert "s3cr3t" not in done.out + done.err
    assert "p.database.database" in done.out


def test_no_password_is_in_a_repr_an_error_or_a_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that cannot be reached is named without the password, whoever opens it."""
    write(TWO.replace("db.example", "127.0.0.1").replace("5433", "1"))
    use(monkeypatch, DB_PASSWORD=PASSWORD, PARALLEL_RUN="0")
    flags = parallel_settings(env="production")
    texts = [repr(flags), str(flags.model_dump()), repr(find("production")), repr(find("production").entries)]  # type: ignore[union-attr]
    with caplog.at_level(logging.DEBUG), pytest.raises(fl.LakeError) as caught:
        fl.open(env="production")
    texts += [str(caught.value), repr(caught.value), caplog.text]
    texts.append(run("--env", "production", "status", code=1).err)
    for text in texts:
        assert "s3cr3t" not in text
