"""Define the fixtures of all tests. A run builds each sample lake once; a test that changes one copies it."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from factorlab_lake.query.result_cache import ResultCache
from factorlab_lake.settings.models import settings as process_settings
from tests.support import CACHE_2019, CACHE_2021, SPLITS, made_once

if TYPE_CHECKING:
    from tests.unit.sync.postgres_server import Server
    from tests.unit.sync.snowflake_server import Account

os.environ.pop("FACTORLAB_AVAILABILITY", None)  # the tests expect the results of the default rule

# A lake flushes each step to disk. In memory, where there is room, tests do not wait for that.
_MEMORY, _ROOM_BYTES = Path("/dev/shm"), 4 * 1024**3
if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES:
    os.environ["TMPDIR"], tempfile.tempdir = str(_MEMORY), None

# The user's own processes and a test run must not wait for each other's calls.
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="factorlab-lake-cache-")
atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)

# Every run tries the same examples, so that a failure comes from the change. It reports the failing example
# without shrinking it. `HYPOTHESIS_SCALE=1` shrinks it, `HYPOTHESIS_SCALE=50` tries 50 times as many.
_SEARCH = "HYPOTHESIS_SCALE" in os.environ
settings.register_profile(
    "fixed",
    derandomize=not _SEARCH,
    phases=list(Phase) if _SEARCH else [Phase.explicit, Phase.generate],
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("fixed")


@pytest.hookimpl(tryfirst=True)  # before pytest selects by `-m`
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the cases of a test beyond its ``first_cases`` as slow: `make test` runs those, CI runs all."""
    cases: Counter[str] = Counter()
    for item in items:
        limit = item.get_closest_marker("first_cases")
        if limit is not None:
            test = item.nodeid.partition("[")[0]
            cases[test] += 1
            if cases[test] > limit.args[0]:
                item.add_marker(pytest.mark.slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the times of the notebooks and of the report's page, which no test limits."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name in {"notebook", "page"}:
                terminalreporter.write_line(str(text))


@pytest.fixture(autouse=True)
def _no_result_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn the result cache off: a test that repeats a query must not compare a result with itself."""
    none = ResultCache(0)
    monkeypatch.setattr("factorlab_lake.lake.shared_results", lambda: none)


@pytest.fixture(autouse=True)
def _read_settings_again() -> None:
    """Forget the settings that an earlier test read: a test that sets a variable must see it."""
    process_settings.cache_clear()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Return the folder for a cache that the test writes."""
    return tmp_path / "cache"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Create an empty lake."""
    return fl.open(tmp_path / "lake")


def _migrated(factory: pytest.TempPathFactory, name: str, *caches: Path, splits: bool = True) -> Lake:
    def make(place: Path) -> None:
        lake = fl.open(place)
        for cache in caches:
            lake.migrate(cache)
        if splits:
            lake.load("splits", SPLITS)

    return fl.open(made_once(factory, name, make), create=False)


@pytest.fixture(scope="session")
def lake_2019(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return the clean sample from before AAPL's split of 2020, with the splits. Tests do not change it."""
    return _migrated(tmp_path_factory, "lake_2019", CACHE_2019)


@pytest.fixture(scope="session")
def lake_2021(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return the clean sample from after AAPL's split of 2020, with the splits. Tests do not change it."""
    return _migrated(tmp_path_factory, "lake_2021", CACHE_2021)


@pytest.fixture(scope="session")
def lake_both(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of both clean samples, the older first, without splits. Tests do not change it."""
    return _migrated(tmp_path_factory, "lake_both", CACHE_2019, CACHE_2021, splits=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Start one PostgreSQL server per process of a test run, and stop it at the end."""
    from tests.unit.sync.postgres_server import server

    with server() as running:
        yield running


@pytest.fixture
def database(postgres: Server) -> Iterator[str]:
    """Create an empty database for one test, and return its address with the password."""
    with postgres.database() as url:
        yield url


@pytest.fixture(scope="session")
def snowflake() -> Iterator[Account]:
    """Start one emulator of Snowflake per process of a test run, or use the account of the environment."""
    from tests.unit.sync.snowflake_server import account

    with account() as running:
        yield running


@pytest.fixture
def schema(snowflake: Account) -> Iterator[str]:
    """Name an empty schema for one test by its address with the password."""
    with snowflake.schema() as url:
        yield url
