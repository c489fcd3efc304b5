"""What the tests of the command line share: a folder in which the demo has run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from factorlab_lake.settings.models import settings
from tests.unit.cli.running import Done, demo_home


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the tests are started from, the program sees no terminal and no setting of the user's."""
    for name in (
        "FORCE_COLOR",
        "TTY_COMPATIBLE",
        "TTY_INTERACTIVE",
        "FACTORLAB_LAKE",
        "FACTORLAB_AVAILABILITY",
    ):
        monkeypatch.delenv(name, raising=False)
    settings.cache_clear()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """A folder in which the demo has run once, and what it printed. Not to be changed."""
    return demo_home(tmp_path_factory)


@pytest.fixture
def home(demo: tuple[Path, Done], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the demo has run, as the working directory. Not to be changed."""
    monkeypatch.chdir(demo[0])
    return demo[0]


@pytest.fixture
def own_home(demo: tuple[Path, Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder that a test may change, as the working directory."""
    folder = Path(shutil.copytree(demo[0], tmp_path / "home"))
    monkeypatch.chdir(folder)
    return folder
