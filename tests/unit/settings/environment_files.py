"""Write files of environments for the tests of settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from factorlab_lake.settings.models import settings

__all__ = ["FILE", "PASSWORD", "TWO", "use", "write"]

FILE = Path("config/environments.yaml")
PASSWORD = "s3cr3t/@:"
TWO = """\
development:
  database:
    provider: duckdb
    database: data/dev
  features:
    use_database: false
    fallback_to_cache: true
    migration_mode: false
production:
  database:
    provider: timescaledb
    host: db.example
    port: 5433
    database: factor lab
    username: reader@home
    password: ${DB_PASSWORD}
    pool_size: 5
    max_overflow: 10
  features:
    use_database: true
    fallback_to_cache: no
    migration_mode: ${PARALLEL_RUN}
"""


def write(text: str, path: Path = FILE) -> Path:
    """Write a file of environments."""
    path.write_text(text, encoding="utf-8")
    return path


def use(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """Set variables as a new process would find them."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
