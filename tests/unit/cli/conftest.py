"""Provide a folder in which the demo has run, for the tests of the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from factorlab_lake.settings.models import settings
from tests.unit.cli.running import Done, demo_home


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the terminal and the user's settings from the program, however the tests are started."""
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
    """Return a folder in which the demo has run once, and its output. Tests must not change the folder."""
    return demo_home(tmp_path_factory)


@pytest.fixture
def home(demo: tuple[Path, Done], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the demo as working directory. Tests must not change it."""
    monkeypatch.chdir(demo[0])
    return demo[0]


@pytest.fixture
def own_home(demo: tuple[Path, Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the demo's folder as working directory. A test may change it."""
    folder = Path(shutil.copytree(demo[0], tmp_path / "home"))
    monkeypatch.chdir(folder)
    return folder
