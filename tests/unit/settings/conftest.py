"""Provide an empty project for the tests of its settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from factorlab_lake.settings.models import settings
from tests.unit.settings.environment_files import FILE


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Start each test in an empty project without settings of its own."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith(("FACTORLAB_", "FMP_", "PG", "SNOWFLAKE_"))]:
        monkeypatch.delenv(name)
    FILE.parent.mkdir()
    settings.cache_clear()
    yield
    settings.cache_clear()
