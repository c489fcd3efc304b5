"""Settings from the environment (``FACTORLAB_*``) or a ``.env`` file; arguments always win."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings", "settings"]


class Settings(BaseSettings):
    """What can be set from outside.

    ``lake``: folder of the lake the command line works on (``FACTORLAB_LAKE``).
    ``availability``: from which day on filings may be used, ``close``, ``same_day`` or a lag in days, where
    a lake is opened without saying so (``FACTORLAB_AVAILABILITY``).
    """

    model_config = SettingsConfigDict(
        env_prefix="FACTORLAB_", env_file=".env", env_ignore_empty=True, extra="ignore"
    )

    lake: Path = Path("data/lake")
    availability: str = "close"


@cache
def settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings()
