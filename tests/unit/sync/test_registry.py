from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, MissingExtra
from factorlab_lake.lake import Lake
from factorlab_lake.server_lake import ServerLake
from factorlab_lake.storage import layout as layouts
from factorlab_lake.sync import protocol, registry
from factorlab_lake.sync.protocol import SessionLimits
from tests.support import ROOT
from tests.unit.cli.running import run

_GROUP = "factorlab_lake.targets"
_HERE = __name__
_SECRET = "s3cret-word"


class MemorySession:
    """Answers every query with its own text."""

    lag_days = None

    def __init__(self, url: str, limits: SessionLimits) -> None:
        self.limits = limits
        self.name = url.partition("?")[0]

    def frame(self, sql: str, params: object = None, *, needs: object = None) -> pl.DataFrame:
        """Return the text of the query."""
        return pl.DataFrame({"sql": [sql]})

    def sql(self, text: str, params: object = None) -> pl.DataFrame:
        """Return the text of the query."""
        return self.frame(text, params)

    def close(self) -> None:
        """Close nothing."""


class MemoryConnector:
    """A third party's connector, with a target that refuses the lake by name."""

    name = "Memory"
    requirement = "memory-lake"

    @contextmanager
    def _target(self) -> Iterator[object]:
        yield self

    def open_target(self, url: str, *, password: str | Callable[[], str] | None = None) -> object:
        """Return this object as the target."""
        return self._target()

    def prepare(self, lake_id: str, filled: object, *, lag_days: int | None) -> None:
        """Refuse every lake."""
        raise InvalidInput(f"memory received the lake {lake_id}")

    def open_session(self, url: str, *, limits: SessionLimits) -> MemorySession:
        """Return a session without a server."""
        return MemorySession(url, limits)

    def script(self) -> str:
        """Return a constant."""
        return "CREATE MEMORY"


class DriverlessConnector(MemoryConnector):
    """A connector whose driver is not installed."""

    def open_target(self, url: str, *, password: object = None) -> object:
        """Fail as a missing driver does."""
        raise ImportError("No module named 'memory_driver'", name="memory_driver")

    def open_session(self, url: str, *, limits: SessionLimits) -> MemorySession:
        """Fail as a missing driver does."""
        raise ImportError("No module named 'memory_driver'", name="memory_driver")

    def script(self) -> str:
        """Fail as a missing driver does."""
        raise ImportError("No module named 'memory_driver'", name="memory_driver")


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that replaces the installed targets by (scheme, value) pairs."""

    def replace(*entries: tuple[str, str]) -> None:
        installed = EntryPoints([EntryPoint(scheme, value, _GROUP) for scheme, value in entries])
        monkeypatch.setattr(registry, "entry_points", lambda group: installed.select(group=group))

    return replace


@pytest.fixture
def memory(install: Callable[..., None]) -> None:
    """Install the third party's target beside PostgreSQL."""
    value = "factorlab_lake.sync.postgres.connector:PostgresConnector"
    install(("postgres", value), ("postgresql", value), ("memory", f"{_HERE}:MemoryConnector"))


def test_the_metadata_registers_the_schemes_of_both_targets() -> None:
    """The package registers its own targets through the entry points of its metadata."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert sorted(project["entry-points"][_GROUP]) == registry.schemes()
    assert registry.schemes() == ["postgres", "postgresql", "snowflake"]


def test_a_third_party_target_works_once_its_package_is_installed(memory: None, lake: Lake) -> None:
    """Sync, open and the printed script reach the connector that another package registered."""
    with pytest.raises(InvalidInput, match=f"memory received the lake {layouts.find(lake.path).lake_id}"):
        lake.sync("memory://box")
    shared: object = fl.open("memory://box")
    assert isinstance(shared, ServerLake)
    assert shared.sql("SELECT 1")["sql"].item() == "SELECT 1"
    with pytest.raises(InvalidInput, match="memory://box is a shared server"):
        shared.load("splits", [])
    assert run("sync", "memory://", "--print-sql").out == "CREATE MEMORY\n"


@pytest.mark.parametrize("use", [fl.open, registry.script, registry.connector])
def test_an_unknown_scheme_lists_the_installed_ones(memory: None, use: Callable[[str], object]) -> None:
    """The error suggests the nearest scheme, lists all, and never repeats the address with its password."""
    with pytest.raises(InvalidInput) as caught:
        use(f"memoria://me:{_SECRET}@host/db")
    text = str(caught.value)
    assert "memoria:// addresses. Did you mean 'memory'?" in text
    assert "memory://, postgres:// or postgresql://" in text
    assert _SECRET not in text


def test_an_address_without_a_scheme_is_refused_by_a_sync(memory: None, lake: Lake) -> None:
    """A sync never takes a folder's path for a target."""
    with pytest.raises(InvalidInput, match="The address has no scheme"):
        lake.sync("host/database")


def test_two_packages_with_one_scheme_clash(install: Callable[..., None]) -> None:
    """The error names both values; the same package found twice is no clash."""
    install(("memory", f"{_HERE}:MemoryConnector"), ("memory", "other_package:Target"))
    with pytest.raises(InvalidInput, match=r"Two installed .* memory://: .*other_package:Target"):
        registry.connector("memory://box")
    install(*[("memory", f"{_HERE}:MemoryConnector")] * 2)
    assert registry.connector("memory://box").name == "Memory"


def test_a_package_that_fails_to_load_is_named(install: Callable[..., None]) -> None:
    """The error says which target failed, and why."""
    install(("memory", "no_such_package.at_all:Target"))
    with pytest.raises(InvalidInput, match=r"memory:// cannot be loaded .*no_such_package"):
        fl.open("memory://box")


def test_a_missing_driver_names_the_extra(install: Callable[..., None], lake: Lake) -> None:
    """Sync, open and script raise one line with the requirement that pip installs."""
    install(("memory", f"{_HERE}:DriverlessConnector"))
    for use in (lake.sync, fl.open, registry.script):
        with pytest.raises(
            MissingExtra, match=r"To use Memory, this program needs memory_driver; .* 'memory-lake'"
        ):
            use("memory://box")


def test_the_script_of_one_of_several_targets_needs_a_scheme(memory: None) -> None:
    """With one target installed the scheme is optional; with two it is required."""
    with pytest.raises(InvalidInput, match="Several targets are installed"):
        registry.script()
    assert "CREATE TABLE" in registry.script("postgresql://")


def test_a_folder_is_opened_without_a_scan_of_entry_points(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scan takes longer than opening a lake, so a path never causes one."""

    def scan(group: str) -> EntryPoints:
        raise AssertionError(group)

    monkeypatch.setattr(registry, "entry_points", scan)
    assert fl.open(str(lake.path)).path == lake.path


def test_each_target_folder_has_the_files_that_the_protocol_names() -> None:
    """A reader who knows one target finds the same file names in the next."""
    assert protocol.__doc__ is not None
    lines = [line for line in protocol.__doc__.splitlines() if line.startswith("``")]
    names = {name for line in lines for name in line.replace("`", "").split(", ")}
    folders = [path.parent for path in Path(protocol.__file__).parent.glob("*/connector.py")]
    assert folders
    for folder in folders:
        assert names <= {path.stem for path in folder.glob("*.py")}
