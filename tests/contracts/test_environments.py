"""Test an environment whose database is a real server: the library, the command line and ``DataProvider``."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import factorlab_lake as fl
from factorlab_lake.legacy import DataProvider
from factorlab_lake.legacy.parallel.settings import parallel_settings
from factorlab_lake.server_lake import ServerLake
from factorlab_lake.settings.models import settings
from tests.support import CACHE_2021
from tests.unit.cli.running import run
from tests.unit.sync.postgres_server import Server

DAY = "2020-12-31"


def test_the_server_of_an_environment_answers_with_its_pool_and_its_password(
    postgres: Server, lake_2021: fl.Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password comes from a variable alone, and pool_size and max_overflow limit the connections."""
    expected = lake_2021.market_caps("AAPL", DAY)["market_cap"].to_list()
    with postgres.database() as url:
        lake_2021.sync(url)
        parts = urlsplit(url)
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("PGPASSWORD", raising=False)
        monkeypatch.setenv("DB_PASSWORD", str(parts.password))
        settings.cache_clear()
        file = tmp_path / "config" / "environments.yaml"
        file.parent.mkdir()
        file.write_text(
            f"development:\n  database: {{provider: lake, database: {lake_2021.path}}}\n"
            f"production:\n  database:\n    provider: timescaledb\n    host: {parts.hostname}\n"
            f"    port: {parts.port}\n    database: {parts.path[1:]}\n    username: {parts.username}\n"
            "    password: ${DB_PASSWORD}\n    pool_size: 2\n    max_overflow: 1\n",
            encoding="utf-8",
        )
        again = run("--lake", lake_2021.path, "--env", "production", "--json", "sync").json
        assert again["clean"]
        assert again["target"] == f"postgresql://{parts.username}@{parts.hostname}:{parts.port}{parts.path}"
        server: Any = fl.open(env="production")
        with server:
            assert isinstance(server, ServerLake)
            assert server.session.limits.max_connections == 3
            assert server.market_caps("AAPL", DAY)["market_cap"].to_list() == expected
        shown = run("--env", "production", "--json", "caps", "AAPL", "--date", DAY).json
        assert [row["market_cap"] for row in shown] == expected
        assert (
            "--snapshot needs a lake in a folder"
            in run("--env", "production", "caps", "AAPL", "--date", DAY, "--snapshot", "1", code=1).err
        )
        flags = parallel_settings(env="production", cache_dir=CACHE_2021)
        with DataProvider(flags) as provider:
            assert len(provider.calculate_market_caps_batch(["AAPL"], [DAY])) == 1
            assert (provider.counts.from_lake, provider.counts.lake_failed) == (1, 0)
        assert fl.open().path == lake_2021.path  # development
